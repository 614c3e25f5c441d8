// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/fd_sink.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <system_error>
#include <utility>

namespace tlscope {
namespace {

using Clock = std::chrono::steady_clock;

// Enough to make a write worth its system call: the writer waits no longer.
constexpr std::size_t kBatchBytes = 64U << 10;

// Blocks up to this size are copied together.
constexpr std::size_t kJoinBytes = 8U << 10;

// How long the writer looks at a reader that does not read before it looks at Close.
constexpr std::chrono::milliseconds kReaderPatience{50};

/// Errors after which the same output may work again.
bool IsPassing(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT || error_number == EIO ||
         error_number == EFBIG;
}

/// Signals are the other threads' business; SIGPIPE is nobody's.
void BlockSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

std::string TextDropMarker(std::uint64_t blocks, std::uint64_t bytes) {
  return "[tlscope: " + std::to_string(blocks) + " messages (" + std::to_string(bytes) +
         " bytes) not written: the output is too slow]\n";
}

Result<std::unique_ptr<FdSink>> FdSink::Open(int fd, FdSinkOptions options) {
  Result<FdWriter> writer = FdWriter::Open(fd);
  if (!writer) return tl::make_unexpected(std::move(writer.error()));
  try {
    return std::unique_ptr<FdSink>(new FdSink(std::move(*writer), std::move(options)));
  } catch (const std::system_error& error) {
    return Fail(Errc::kSystem, error.code().value(), "start the thread that writes");
  }
}

FdSink::FdSink(FdWriter writer, FdSinkOptions options)
    : options_(std::move(options)), writer_(std::move(writer)), thread_([this] { Run(); }) {}

FdSink::~FdSink() { Close(); }

bool FdSink::Push(std::string block) {
  const std::size_t bytes = block.size();
  if (bytes == 0) return true;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    ++stats_.pushed_blocks;
    stats_.pushed_bytes += bytes;
    if (closing_ || broken_) {
      ++stats_.dropped_closed_blocks;
      stats_.dropped_closed_bytes += bytes;
      return false;
    }
    if (!HasRoomFor(bytes)) {
      ++stats_.dropped_full_blocks;
      stats_.dropped_full_bytes += bytes;
      ++refused_blocks_;
      refused_bytes_ += bytes;
      return false;
    }
    EnqueueMarker();
    Enqueue(std::move(block));
    held_bytes_ += bytes;
    ++held_blocks_;
    wake = WriterShouldWake();
    if (wake) writer_state_ = WriterState::kBusy;  // told once
  }
  if (wake) wake_.notify_one();
  return true;
}

void FdSink::Close() {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) drain_until_ = Clock::now() + options_.drain_deadline;
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

SinkStats FdSink::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

bool FdSink::HasRoomFor(std::size_t bytes) const {
  if (held_blocks_ == 0) return true;
  return held_blocks_ < options_.queue_blocks && held_bytes_ < options_.queue_bytes &&
         bytes <= options_.queue_bytes - held_bytes_;
}

/// Small blocks are copied together: that costs less than to have another thread free each one.
void FdSink::Enqueue(std::string&& block) {
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
void FdSink::EnqueueMarker() {
  if (refused_blocks_ == 0) return;
  const std::uint64_t blocks = std::exchange(refused_blocks_, 0);
  const std::uint64_t bytes = std::exchange(refused_bytes_, 0);
  if (!options_.marker) return;
  std::string marker = options_.marker(blocks, bytes);
  if (!marker.empty()) queue_.emplace_back().bytes = std::move(marker);
}

bool FdSink::WriterShouldWake() const {
  return writer_state_ == WriterState::kWaiting ||
         (writer_state_ == WriterState::kLingering && held_bytes_ >= kBatchBytes);
}

void FdSink::Run() {
  BlockSignals();
  Batch batch;
  while (TakeBatch(batch)) WriteBatch(batch);
  Drop(batch.entries, batch.next);
  writer_.Close();
}

/// Adds what is queued to `batch`, waiting for it. False when nothing will come any more.
bool FdSink::TakeBatch(Batch& batch) {
  std::unique_lock lock(mutex_);
  writer_state_ = WriterState::kWaiting;
  wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
  if (!closing_ && held_bytes_ < kBatchBytes) {
    writer_state_ = WriterState::kLingering;
    wake_.wait_for(lock, options_.linger,
                   [this] { return closing_ || held_bytes_ >= kBatchBytes; });
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

/// Writes `batch` and leaves it empty, but for a torn block whose rest is to come first next time.
void FdSink::WriteBatch(Batch& batch) {
  std::array<iovec, FdWriter::kMaxParts> parts;
  while (batch.next < batch.entries.size()) {
    if (PastDeadline()) {
      Drop(batch.entries, batch.next);
      break;
    }
    const std::size_t count = std::min(parts.size(), batch.entries.size() - batch.next);
    for (std::size_t i = 0; i < count; ++i) {
      std::string& bytes = batch.entries[batch.next + i].bytes;
      const std::size_t skip = i == 0 ? batch.written : 0;
      parts[i] = {bytes.data() + skip, bytes.size() - skip};
    }
    const ssize_t written = writer_.Write({parts.data(), count});
    if (written >= 0) {
      Advance(batch, static_cast<std::size_t>(written));
    } else if (written == -EAGAIN) {
      AwaitReader();
    } else if (written != -EINTR && !Recover(batch, static_cast<int>(-written))) {
      return;
    }
  }
  batch = {};
}

bool FdSink::PastDeadline() const {
  const std::lock_guard lock(mutex_);
  return closing_ && Clock::now() >= drain_until_;
}

void FdSink::AwaitReader() {
  std::chrono::milliseconds patience = kReaderPatience;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(drain_until_ - Clock::now());
      patience = std::clamp(left, std::chrono::milliseconds{0}, patience);
    }
  }
  writer_.Await(patience);
}

void FdSink::Advance(Batch& batch, std::size_t bytes) {
  batch.written += bytes;
  const std::lock_guard lock(mutex_);
  while (batch.next < batch.entries.size()) {
    Entry& entry = batch.entries[batch.next];
    for (; entry.settled < entry.ends.size(); ++entry.settled) {
      if (entry.ends[entry.settled] > batch.written) return;
      ++stats_.written_blocks;
      stats_.written_bytes += entry.BytesOf(entry.settled);
      Release(entry.BytesOf(entry.settled));
    }
    if (batch.written < entry.bytes.size()) return;  // a marker
    batch.written -= entry.bytes.size();
    ++batch.next;
    entry = {};
  }
}

/// What can be done after a failed write. True when the next block is worth a try at once.
bool FdSink::Recover(Batch& batch, int error_number) {
  if (!IsPassing(error_number)) {
    Break(batch, error_number);
    return false;
  }
  if (!std::exchange(failure_reported_, true) && options_.on_failure) {
    options_.on_failure(error_number, false);
  }
  const Entry& front = batch.entries[batch.next];
  const std::size_t whole = front.settled == 0 ? 0 : front.ends[front.settled - 1];
  if (batch.written == whole) {
    std::vector<Entry> lost;
    lost.push_back(std::move(batch.entries[batch.next]));
    ++batch.next;
    batch.written = 0;
    Drop(lost, 0);
    return true;
  }
  // The output ends in the middle of a block: nothing may come before that block's rest.
  Drop(batch.entries, batch.next + 1);
  const auto first = batch.entries.begin();
  batch.entries.erase(first, first + static_cast<std::ptrdiff_t>(batch.next));
  batch.next = 0;
  return false;
}

/// Nothing can be written any more.
void FdSink::Break(Batch& batch, int error_number) {
  {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    std::move(queue_.begin(), queue_.end(), std::back_inserter(batch.entries));
    queue_.clear();
  }
  Drop(batch.entries, batch.next);
  batch = {};
  if (options_.on_failure) options_.on_failure(error_number, true);
}

/// Gives up the entries from index `from` on.
void FdSink::Drop(std::vector<Entry>& entries, std::size_t from) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = from; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    for (; entry.settled < entry.ends.size(); ++entry.settled) {
      ++stats_.dropped_failed_blocks;
      stats_.dropped_failed_bytes += entry.BytesOf(entry.settled);
      Release(entry.BytesOf(entry.settled));
    }
  }
  entries.resize(std::min(from, entries.size()));
}

void FdSink::Release(std::size_t block_bytes) {
  held_bytes_ -= block_bytes;
  --held_blocks_;
}

}  // namespace tlscope
