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
  /// Given away for good: written to the file; to a peer, acknowledged by it, or wholly written to
  /// the connection with one that acknowledges nothing.
  std::uint64_t written_blocks = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t dropped_full_blocks = 0;  ///< refused: the reader is too slow, or away
  std::uint64_t dropped_full_bytes = 0;
  /// Taken, then lost to a failed write or at Close; or such as the output can never take.
  std::uint64_t dropped_failed_blocks = 0;
  std::uint64_t dropped_failed_bytes = 0;
  std::uint64_t dropped_closed_blocks = 0;  ///< refused: the output is broken or closed
  std::uint64_t dropped_closed_bytes = 0;
  std::uint64_t queued_blocks = 0;  ///< the backlog: taken, and not yet any of the above
  std::uint64_t queued_bytes = 0;
  std::uint64_t waiting = 0;  ///< threads that wait for room to push (WhenFull::kWait), now

  // Of sinks with a peer; 0 of all others.

  std::uint64_t acknowledged_blocks = 0;  ///< of those written: the peer said that it has them
  std::uint64_t acknowledged_bytes = 0;
  /// Of those queued: wholly sent on this connection, and not yet acknowledged.
  std::uint64_t unacknowledged_blocks = 0;
  std::uint64_t unacknowledged_bytes = 0;
  /// Of those dropped_failed: sent at least once, so that the peer may have them all the same.
  std::uint64_t unconfirmed_blocks = 0;
  std::uint64_t unconfirmed_bytes = 0;
  std::uint64_t resent_blocks = 0;  ///< sent on another connection once more
  std::uint64_t connects = 0;       ///< connections made; of Kafka, times it began to take messages
  /// Tries to connect that failed and connections that were lost.
  std::uint64_t connect_failures = 0;
  std::uint64_t connections = 0;  ///< now: 0 or 1

  /// For whatever reason.
  std::uint64_t dropped_blocks() const {
    return dropped_full_blocks + dropped_failed_blocks + dropped_closed_blocks;
  }
  std::uint64_t dropped_bytes() const {
    return dropped_full_bytes + dropped_failed_bytes + dropped_closed_bytes;
  }
};

/// How one output does.
struct SinkSnapshot {
  std::string name;
  SinkStats stats;
  bool network = false;  ///< it has a peer
};

/// What becomes of a block that has no room.
enum class WhenFull : std::uint8_t {
  kDrop,  ///< it is refused: who pushes has no time
  kWait,  ///< whoever pushes it waits: nothing may be missing
};

/// Where formatted blocks go. A block is what must not be torn: a message with its header. Any
/// thread may push.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Takes a block, in order. Never blocks, unless the sink was made to wait for room (WhenFull);
  /// false when it was not taken, because the queue is full or the output is gone. The caller
  /// counts.
  [[nodiscard]] virtual bool Push(std::string block) = 0;

  /// The same for a block of the connection with this id (Correlation::root), whose blocks are to
  /// stay in order among themselves where the sink does not keep all of them so.
  [[nodiscard]] virtual bool PushOf(std::uint64_t /*connection*/, std::string block) {
    return Push(std::move(block));
  }

  /// Waits until what was taken is written or given up, however long that takes, or until another
  /// thread calls Close. For those who have time; does nothing where the sink cannot tell.
  virtual void Flush() {}

  /// Writes what was taken, waiting no longer than the sink's own deadline. Later pushes are
  /// refused. Calling it again does nothing.
  virtual void Close() = 0;

  virtual SinkStats stats() const = 0;
};

}  // namespace tlscope
