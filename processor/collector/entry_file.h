// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "processor/base/result.h"
#include "processor/collector/entry_store.h"

namespace tlscope {

struct EntryFileOptions {
  std::string path = {};
  /// Of one entry; larger ones are taken for damage.
  std::size_t message_bytes = std::size_t{64} << 20;
  /// Told how much of the file is done, now and then.
  std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> on_progress = {};
  /// Waits so long; true when somebody wants it to end, which is looked at while a pipe has nothing
  /// to read, too.
  std::function<bool(std::chrono::milliseconds)> stopped = {};
};

/// What reading a file came to.
enum class ImportEnd : std::uint8_t {
  kWhole,    ///< all of it is stored
  kStopped,  ///< by the user
  kClosed,   ///< the last output is closed: nobody reads it any longer
};

/// Stores what a file holds that `-o FILE.pb` or a collector wrote. What stands before the place
/// where a file ends too early, or makes no sense, is stored; then it fails and names that place.
Result<ImportEnd> ImportEntries(const EntryFileOptions& options, EntryStore& store);

}  // namespace tlscope
