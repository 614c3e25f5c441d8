// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/block_queue.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

namespace tlscope {
namespace {

using Clock = std::chrono::steady_clock;

// Enough to make a write worth its system call: the writer waits no longer.
constexpr std::size_t kBatchBytes = 64U << 10;

// Blocks up to this size are copied together.
constexpr std::size_t kJoinBytes = 8U << 10;

}  // namespace

bool IsPassingWriteError(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT || error_number == EIO ||
         error_number == EFBIG;
}

bool BlockQueue::Push(std::string block) {
  const std::size_t bytes = block.size();
  if (bytes == 0) return true;
  bool wake = false;
  {
    std::unique_lock lock(mutex_);
    if (options_.when_full == WhenFull::kWait)
      account_.Await(room_, lock,
                     [&] { return closing_ || broken_ || HasRoomFor(bytes) || WriterIsIdle(); });
    if (closing_ || broken_) {
      account_.RefusedClosed(bytes);
      return false;
    }
    if (!HasRoomFor(bytes)) {
      account_.RefusedFull(bytes);
      return false;
    }
    EnqueueMarker();
    Enqueue(std::move(block));
    account_.Taken(bytes);
    wake = WriterShouldWake();
    if (wake) writer_state_ = WriterState::kBusy;  // told once
  }
  if (wake) wake_.notify_one();
  return true;
}

void BlockQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) drain_until_ = Clock::now() + options_.drain_deadline;
    closing_ = true;
  }
  wake_.notify_one();
  room_.notify_all();
}

void BlockQueue::Flush() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return closing_ || broken_ || WriterIsIdle(); });
}

SinkStats BlockQueue::stats() const {
  const std::lock_guard lock(mutex_);
  return account_.stats();
}

bool BlockQueue::HasRoomFor(std::size_t bytes) const {
  const std::uint64_t held_bytes = account_.queued_bytes();
  if (account_.queued_blocks() == 0) return true;
  return account_.queued_blocks() < options_.queue_blocks && held_bytes < options_.queue_bytes &&
         bytes <= options_.queue_bytes - held_bytes;
}

/// Small blocks are copied together: that costs less than to have another thread free each one.
void BlockQueue::Enqueue(std::string&& block) {
  const bool join = block.size() <= kJoinBytes && !queue_.empty() && !queue_.back().ends.empty() &&
                    queue_.back().bytes.size() + block.size() <= kBatchBytes;
  if (join) {
    Entry& entry = queue_.back();
    if (entry.ends.size() == 1) entry.bytes.reserve(kBatchBytes);
    entry.bytes += block;
    entry.ends.push_back(entry.bytes.size());
  } else {
    Entry& entry = queue_.emplace_back();
    entry.bytes = std::move(block);
    entry.ends.push_back(entry.bytes.size());
  }
}

/// Says what was refused since the last time.
void BlockQueue::EnqueueMarker() {
  std::string marker = account_.TakeMarker(options_.marker);
  if (!marker.empty()) queue_.emplace_back().bytes = std::move(marker);
}

bool BlockQueue::WriterShouldWake() const {
  return writer_state_ == WriterState::kWaiting ||
         (writer_state_ == WriterState::kLingering && account_.queued_bytes() >= kBatchBytes);
}

/// True when it has done what it could with all it was given: it may still hold a block whose rest
/// a full disk did not take.
bool BlockQueue::WriterIsIdle() const {
  return writer_state_ == WriterState::kWaiting && queue_.empty();
}

bool BlockQueue::Take(BlockBatch& batch) {
  std::unique_lock lock(mutex_);
  writer_state_ = WriterState::kWaiting;
  if (queue_.empty()) room_.notify_all();
  wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
  if (!closing_ && account_.queued_bytes() < kBatchBytes) {
    writer_state_ = WriterState::kLingering;
    wake_.wait_for(lock, options_.linger,
                   [this] { return closing_ || account_.queued_bytes() >= kBatchBytes; });
  }
  writer_state_ = WriterState::kBusy;
  const bool last = closing_ && queue_.empty();
  if (last && !broken_) EnqueueMarker();
  if (last && queue_.empty()) return false;
  if (batch.entries.empty()) {
    std::swap(batch.entries, queue_);
  } else {
    std::move(queue_.begin(), queue_.end(), std::back_inserter(batch.entries));
    queue_.clear();
  }
  return true;
}

bool BlockQueue::PastDeadline() const {
  const std::lock_guard lock(mutex_);
  return closing_ && Clock::now() >= drain_until_;
}

std::chrono::milliseconds BlockQueue::AtMostUntilDeadline(
    std::chrono::milliseconds patience) const {
  const std::lock_guard lock(mutex_);
  if (!closing_) return patience;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(drain_until_ - Clock::now());
  return std::clamp(left, std::chrono::milliseconds{0}, patience);
}

void BlockQueue::Advance(BlockBatch& batch, std::size_t bytes) {
  batch.written += bytes;
  const std::lock_guard lock(mutex_);
  while (!batch.Done()) {
    Entry& entry = batch.entries[batch.next];
    while (entry.settled < entry.ends.size()) {
      if (entry.ends[entry.settled] > batch.written) return;
      Settle(SinkAccount::Fate::kWritten, entry);
    }
    if (batch.written < entry.bytes.size()) return;  // a marker
    batch.written -= entry.bytes.size();
    ++batch.next;
    entry = {};
  }
}

void BlockQueue::Drop(std::vector<Entry>& entries, std::size_t from) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = from; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    while (entry.settled < entry.ends.size()) Settle(SinkAccount::Fate::kDroppedFailed, entry);
  }
  entries.resize(std::min(from, entries.size()));
}

void BlockQueue::DropFront(BlockBatch& batch) {
  std::vector<Entry> lost;
  lost.push_back(std::move(batch.entries[batch.next]));
  ++batch.next;
  batch.written = 0;
  Drop(lost, 0);
}

void BlockQueue::Break(BlockBatch& batch) {
  {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    std::move(queue_.begin(), queue_.end(), std::back_inserter(batch.entries));
    queue_.clear();
  }
  room_.notify_all();
  Drop(batch.entries, batch.next);
  batch = {};
}

/// Counts the first block of `entry` that is not counted.
void BlockQueue::Settle(SinkAccount::Fate fate, Entry& entry) {
  account_.Settle(fate, entry.BytesOf(entry.settled));
  ++entry.settled;
  // Half empty rather than one by one: then there is work for both threads.
  const bool half_empty = account_.queued_bytes() <= options_.queue_bytes / 2 &&
                          account_.queued_blocks() <= options_.queue_blocks / 2;
  if (account_.queued_blocks() == 0 || half_empty) room_.notify_all();
}

}  // namespace tlscope
