// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "processor/sinks/sink.h"

namespace tlscope {

/// Makes the bytes written where blocks were refused because there was no room.
using DropMarker = std::function<std::string(std::uint64_t blocks, std::uint64_t bytes)>;

/// The account of what becomes of each block pushed into a sink, so that the sum of SinkStats holds
/// whenever somebody looks. Guarded by the sink's lock.
class SinkAccount {
 public:
  struct Count {
    std::uint64_t blocks = 0;
    std::uint64_t bytes = 0;
  };

  // A block that is pushed is one of these.

  void Taken(std::uint64_t bytes);
  void RefusedFull(std::uint64_t bytes);
  void RefusedClosed(std::uint64_t bytes);

  /// How a block ends that was taken.
  enum class Fate : std::uint8_t {
    kWritten,        ///< given away, to one that does not acknowledge
    kAcknowledged,   ///< given away, and the peer said that it has it
    kDroppedFull,    ///< the output's own queue had no room
    kDroppedFailed,  ///< lost, and the peer cannot have it
    kUnconfirmed,    ///< lost, and the peer may have it all the same
  };
  void Settle(Fate fate, Count count);
  void Settle(Fate fate, std::uint64_t block_bytes) { Settle(fate, Count{1, block_bytes}); }
  /// All that are queued.
  void SettleAll(Fate fate) { Settle(fate, {stats_.queued_blocks, stats_.queued_bytes}); }

  /// What was refused for want of room since the last call.
  Count TakeRefused();
  /// The marker for it; empty when nothing was refused or `marker` is.
  std::string TakeMarker(const DropMarker& marker);

  /// Waits on `room` until `done()`; whoever waits is counted.
  template <class Done>
  void Await(std::condition_variable& room, std::unique_lock<std::mutex>& lock, const Done& done) {
    ++stats_.waiting;
    room.wait(lock, done);
    --stats_.waiting;
  }

  /// Nothing of connections, nor of what was sent and is not yet acknowledged.
  const SinkStats& stats() const { return stats_; }
  std::uint64_t queued_blocks() const { return stats_.queued_blocks; }
  std::uint64_t queued_bytes() const { return stats_.queued_bytes; }

 private:
  SinkStats stats_;
  Count refused_;  // since the last TakeRefused
};

}  // namespace tlscope
