// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "processor/sinks/sink.h"
#include "processor/sinks/sink_account.h"

namespace tlscope {

/// Errors after which the same output may work again: a full disk, a quota, a file size limit, a
/// device that answers badly.
bool IsPassingWriteError(int error_number);

/// What a BlockQueue holds and how its writer waits.
struct BlockQueueOptions {
  std::uint64_t queue_bytes = 64U << 20;
  std::size_t queue_blocks = 65536;
  /// How long a lone block waits for company, so that a busy stream is written in batches.
  std::chrono::milliseconds linger{5};
  /// How long after Close the writer goes on.
  std::chrono::milliseconds drain_deadline{2000};
  DropMarker marker = {};  ///< empty: nothing is written where blocks were refused
  WhenFull when_full = WhenFull::kDrop;
};

/// What the writer has taken from a BlockQueue.
struct BlockBatch {
  /// Some blocks in a row, or a marker.
  struct Entry {
    std::string bytes;
    std::vector<std::size_t> ends;  // of each block in bytes; a marker has none
    std::size_t settled = 0;        // blocks whose fate is counted

    std::size_t BytesOf(std::size_t block) const {
      return ends[block] - (block == 0 ? 0 : ends[block - 1]);
    }
    /// Bytes of the blocks whose fate is counted.
    std::size_t SettledBytes() const { return settled == 0 ? 0 : ends[settled - 1]; }
  };

  std::vector<Entry> entries;
  std::size_t next = 0;     // first entry not wholly written
  std::size_t written = 0;  // bytes of it that are

  bool Done() const { return next >= entries.size(); }
};

/// The bounded queue between those who push blocks and the one thread that writes them, and the
/// account of what became of each. Pushing waits for the writer only with WhenFull::kWait.
class BlockQueue {
 public:
  explicit BlockQueue(BlockQueueOptions options) : options_(std::move(options)) {}
  BlockQueue(const BlockQueue&) = delete;
  BlockQueue& operator=(const BlockQueue&) = delete;

  // Any thread.

  /// Takes a block; false when it was not taken. A block larger than the whole queue is taken when
  /// the queue is empty.
  [[nodiscard]] bool Push(std::string block);
  /// Waits until what was taken is written or given up, or until Close.
  void Flush();
  /// Refuses later pushes and starts the drain deadline. Calling it again does nothing.
  void Close();
  SinkStats stats() const;

  // The writer thread.

  /// Adds what is queued to `batch`, waiting for it. False when nothing will come any more; `batch`
  /// may still hold what was in it.
  bool Take(BlockBatch& batch);
  /// True once the drain deadline has passed.
  bool PastDeadline() const;
  /// `patience`, or what is left until the drain deadline when that is less; never negative.
  std::chrono::milliseconds AtMostUntilDeadline(std::chrono::milliseconds patience) const;
  /// `bytes` more bytes of `batch` were written: counts the blocks that are now whole.
  void Advance(BlockBatch& batch, std::size_t bytes);
  /// Gives up the blocks of `entries` from index `from` on that are not yet counted.
  void Drop(std::vector<BlockBatch::Entry>& entries, std::size_t from);
  /// Gives up the first entry of `batch` that is not wholly written.
  void DropFront(BlockBatch& batch);
  /// Nothing can be written any more: gives up `batch` and the queue, and refuses later pushes.
  void Break(BlockBatch& batch);

 private:
  using Entry = BlockBatch::Entry;
  enum class WriterState : std::uint8_t { kBusy, kWaiting, kLingering };

  // These need mutex_.
  bool HasRoomFor(std::size_t bytes) const;
  void Enqueue(std::string&& block);
  void EnqueueMarker();
  bool WriterShouldWake() const;
  bool WriterIsIdle() const;
  void Settle(SinkAccount::Fate fate, Entry& entry);

  const BlockQueueOptions options_;

  mutable std::mutex mutex_;      // guards what follows
  std::condition_variable wake_;  // the writer
  std::condition_variable room_;  // those who wait for it, with WhenFull::kWait and in Flush
  std::vector<Entry> queue_;
  SinkAccount account_;  // a block that is being written counts as queued
  WriterState writer_state_ = WriterState::kBusy;
  bool closing_ = false;
  bool broken_ = false;
  std::chrono::steady_clock::time_point drain_until_;
};

}  // namespace tlscope
