// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "processor/base/result.h"
#include "processor/collector/storage/stream_positions.h"

namespace tlscope {

/// What became of an attempt to store something.
enum class StoreOutcome : std::uint8_t {
  kDone,
  kAgain,   ///< not now: try the same again later
  kClosed,  ///< never again: nobody reads it any longer
};

/// Where one output of a collector is stored. Never blocks for long. One thread.
class Storage {
 public:
  virtual ~Storage() = default;

  /// For people: "events.jsonl", "standard output".
  virtual std::string name() const = 0;

  /// Makes it ready for a block of `block_bytes`, and tells how many bytes may follow before that
  /// is called again; a larger block goes alone. Nothing: not now, try again later.
  virtual std::optional<std::uint64_t> Prepare(std::size_t block_bytes) = 0;

  /// Writes all of `bytes`. After kAgain it wants the same bytes again.
  virtual StoreOutcome Write(std::string_view bytes) = 0;

  /// Makes what was written last: from then on the next run begins after it, and knows `positions`.
  virtual StoreOutcome Keep(const StreamPositions& positions) = 0;

  virtual void Close() = 0;
};

}  // namespace tlscope
