// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/recording_sink.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <variant>

#include "processor/base/keyed_hash.h"
#include "processor/base/thread_signals.h"
#include "processor/recording/recording_limits.h"
#include "processor/sinks/block_queue.h"

namespace tlscope {
namespace {

using Clock = std::chrono::steady_clock;

// How long the writer looks at a reader that does not read before it looks at Close.
constexpr std::chrono::milliseconds kReaderPatience{50};

std::uint64_t DataBytesOf(const Record& event) {
  const auto* const data = std::get_if<SSLDataEvent>(&event);
  return data != nullptr ? data->data.size() : 0;
}

}  // namespace

Result<std::unique_ptr<RecordingSink>> RecordingSink::Open(int fd, const RecordingInfo& info,
                                                           RecordingSinkOptions options) {
  TLSCOPE_TRY(auto writer, FdWriter::Open(fd));
  try {
    return std::unique_ptr<RecordingSink>(
        new RecordingSink(std::move(writer), fd, info, std::move(options)));
  } catch (const std::system_error& error) {
    return Fail(Errc::kSystem, error.code().value(), "start the thread that records");
  }
}

RecordingSink::RecordingSink(FdWriter writer, int fd, const RecordingInfo& info,
                             RecordingSinkOptions options)
    : options_(std::move(options)),
      fd_(fd),
      encoder_(RandomHashKey()),
      writer_(std::move(writer)),
      prefix_(EncodeRecordingHeader(info)) {
  if (options_.zstd) frames_.emplace();
  thread_ = std::jthread([this] { Run(); });
}

RecordingSink::~RecordingSink() { Shut({}); }

void RecordingSink::Close(const RecordingTotals& totals) { Shut(totals); }

void RecordingSink::Shut(std::optional<RecordingTotals> totals) {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) {
      drain_until_ = Clock::now() + options_.drain_deadline;
      totals_ = std::move(totals);
    }
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

RecordingStats RecordingSink::stats() const {
  const std::lock_guard lock(mutex_);
  const SinkStats& account = account_.stats();
  return {.pushed = {account.pushed_blocks, account.pushed_bytes},
          .recorded = {account.written_blocks, account.written_bytes},
          .dropped_full = {account.dropped_full_blocks, account.dropped_full_bytes},
          .dropped_failed = {account.dropped_failed_blocks, account.dropped_failed_bytes},
          .dropped_closed = {account.dropped_closed_blocks, account.dropped_closed_bytes},
          .queued = {account.queued_blocks, account.queued_bytes},
          .written_bytes = written_bytes_};
}

bool RecordingSink::Push(const Record& event) {
  const std::string_view entry = encoder_.Encode(event);
  const RecordedCount count{1, DataBytesOf(event)};
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || broken_) {
      account_.RefusedClosed(count.bytes);
      return false;
    }
    const std::size_t before = queue_.bytes.size();
    if (before != 0 && before + entry.size() > options_.queue_bytes) {
      account_.RefusedFull(count.bytes);
      return false;
    }
    if (const SinkAccount::Count refused = account_.TakeRefused(); refused.blocks != 0) {
      Append(EncodeRecordingLoss(refused.blocks, refused.bytes), {},
             {refused.blocks, refused.bytes});
    }
    Append(entry, count, {});
    account_.Taken(count.bytes);
    const bool enough = queue_.bytes.size() >= options_.slice_bytes;
    wake = before == 0 || (enough && before < options_.slice_bytes);
  }
  if (wake) wake_.notify_one();
  return true;
}

/// Needs mutex_.
void RecordingSink::Append(std::string_view entry, const RecordedCount& held,
                           const RecordedCount& told) {
  const std::size_t begin = queue_.slices.size() < 2 ? 0 : queue_.slices.end()[-2].end;
  if (queue_.slices.empty() || queue_.bytes.size() - begin >= options_.slice_bytes)
    queue_.slices.emplace_back();
  queue_.bytes += entry;
  Slice& slice = queue_.slices.back();
  slice.end = queue_.bytes.size();
  slice.held.Add(held);
  slice.told.Add(told);
}

void RecordingSink::Run() {
  BlockSignalsOnThisThread();
  while (AwaitEntries()) {
    std::size_t begin = 0;
    for (const Slice& slice : taken_.slices) {
      WriteSlice(std::string_view(taken_.bytes).substr(begin, slice.end - begin), slice);
      begin = slice.end;
    }
  }
  WriteEnd();
  writer_.Close();
}

/// Waits for entries; false when none will come any more.
bool RecordingSink::AwaitEntries() {
  taken_.bytes.clear();
  taken_.slices.clear();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return closing_ || !queue_.slices.empty(); });
  wake_.wait_for(lock, options_.linger,
                 [this] { return closing_ || queue_.bytes.size() >= options_.slice_bytes; });
  std::swap(taken_, queue_);
  return !taken_.slices.empty();
}

void RecordingSink::WriteSlice(std::string_view entries, const Slice& slice) {
  const int error = Write(entries);
  {
    const std::lock_guard lock(mutex_);
    account_.Settle(error == 0 ? SinkAccount::Fate::kWritten : SinkAccount::Fate::kDroppedFailed,
                    SinkAccount::Count{slice.held.entries, slice.held.bytes});
    written_bytes_ = file_bytes_;
  }
  if (error == 0) return;
  untold_.Add(slice.held);
  untold_.Add(slice.told);
  OnError(error);
}

/// What was refused last, and the sums.
void RecordingSink::WriteEnd() {
  std::string entries;
  std::optional<RecordingTotals> totals;
  {
    const std::lock_guard lock(mutex_);
    const SinkAccount::Count refused = account_.TakeRefused();
    if (refused.blocks != 0) entries = EncodeRecordingLoss(refused.blocks, refused.bytes);
    totals = totals_;
    if (totals) {
      const SinkStats& account = account_.stats();
      totals->recorded_entries = account.written_blocks;
      totals->recorded_bytes = account.written_bytes;
      totals->dropped_entries = account.dropped_blocks();
      totals->dropped_bytes = account.dropped_bytes();
    }
  }
  if (totals) entries += EncodeRecordingEnd(*totals);
  if (entries.empty() && prefix_.empty()) return;
  const int error = Write(entries);
  {
    const std::lock_guard lock(mutex_);
    written_bytes_ = file_bytes_;
  }
  if (error != 0) OnError(error);
}

/// Writes `entries`, and before them what is due, or nothing. 0 or an errno.
int RecordingSink::Write(std::string_view entries) {
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return EPIPE;
  }
  std::string whole;
  if (!prefix_.empty() || untold_.entries != 0) {
    whole = prefix_;
    if (untold_.entries != 0) whole += EncodeRecordingLoss(untold_.entries, untold_.bytes);
    whole += entries;
    entries = whole;
  }
  if (frames_) {
    entries = frames_->Compress(entries);
    if (entries.empty()) return ENOMEM;
  }
  if (const int error = WriteAll(entries); error != 0) return error;
  file_bytes_ += entries.size();
  prefix_.clear();
  untold_ = {};
  return 0;
}

int RecordingSink::WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    // The interface of writev(2) is not const.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    const ssize_t written = writer_.Write({&part, 1});
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (written == -EAGAIN) {
      if (PastDeadline()) return ETIMEDOUT;
      writer_.Await(kReaderPatience);
    } else if (written != -EINTR) {
      return static_cast<int>(-written);
    }
  }
  return 0;
}

/// Goes on after a failed write where that makes sense: with a file that ends as it did before.
void RecordingSink::OnError(int error_number) {
  const auto end = static_cast<off_t>(file_bytes_);
  const bool passes =
      error_number == ENOMEM || (IsPassingWriteError(error_number) && options_.own_file &&
                                 ftruncate(fd_, end) == 0 && lseek(fd_, end, SEEK_SET) == end);
  bool news = false;
  {
    const std::lock_guard lock(mutex_);
    news = !broken_ && (!passes || !reported_);
    broken_ = broken_ || !passes;
  }
  reported_ = true;
  if (!news || !options_.on_failure) return;
  options_.on_failure({Errc::kSystem, error_number, "write the recording to " + options_.name, ""},
                      !passes);
}

bool RecordingSink::PastDeadline() const {
  const std::lock_guard lock(mutex_);
  return closing_ && Clock::now() >= drain_until_;
}

}  // namespace tlscope
