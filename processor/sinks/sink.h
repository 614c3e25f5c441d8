// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tlscope {

/// What became of the blocks pushed into a sink. At any time, in blocks and in bytes:
///   pushed == written + dropped_full + dropped_failed + dropped_closed + queued.
struct SinkStats {
  std::uint64_t pushed_blocks = 0;
  std::uint64_t pushed_bytes = 0;
  std::uint64_t written_blocks = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t dropped_full_blocks = 0;  ///< refused: the reader is too slow
  std::uint64_t dropped_full_bytes = 0;
  std::uint64_t dropped_failed_blocks = 0;  ///< taken, then lost to a failed write or at Close
  std::uint64_t dropped_failed_bytes = 0;
  std::uint64_t dropped_closed_blocks = 0;  ///< refused: the output is broken or closed
  std::uint64_t dropped_closed_bytes = 0;
  std::uint64_t queued_blocks = 0;  ///< the backlog: taken, waiting or being written now
  std::uint64_t queued_bytes = 0;
};

/// Where formatted blocks go. A block is what must not be torn: a message with its header. Any
/// thread may push.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Takes a block, in order. Never blocks; false when it was not taken, because the queue is full
  /// or the output is gone. The caller counts.
  [[nodiscard]] virtual bool Push(std::string block) = 0;

  /// The same for a block of the connection with this id (Correlation::root), whose blocks are to
  /// stay in order among themselves where the sink does not keep all of them so.
  [[nodiscard]] virtual bool PushOf(std::uint64_t /*connection*/, std::string block) {
    return Push(std::move(block));
  }

  /// Writes what was taken, waiting no longer than the sink's own deadline. Later pushes are
  /// refused. Calling it again does nothing.
  virtual void Close() = 0;

  virtual SinkStats stats() const = 0;
};

}  // namespace tlscope
