// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/file_sink.h"

#include <algorithm>
#include <array>
#include <limits>
#include <system_error>
#include <utility>

#include "processor/base/thread_signals.h"
#include "processor/sinks/files/file_name.h"
#include "processor/sinks/files/output_folder.h"
#include "processor/sinks/files/rotated_files.h"
#include "processor/sinks/files/rotating_file.h"

namespace tlscope {
namespace {

// Most that one write takes: the clock and the deadline are looked at in between.
constexpr std::size_t kWriteBytes = 1U << 20;

// Parts of one write; well below IOV_MAX.
constexpr std::size_t kParts = 64;

RotatingFileOptions RotatingOptionsOf(const FileSinkOptions& options) {
  return {.rotate_bytes = options.rotate_bytes,
          .rotate_period = options.rotate_period,
          .begin_anew = options.begin_anew,
          .first_block = options.first_block,
          .last_block = options.last_block,
          .block_end = options.block_end,
          .now = options.now};
}

/// Bytes of the first block of `batch` that is not written; a marker is one, too.
std::size_t FirstBlockBytes(const BlockBatch& batch) {
  const BlockBatch::Entry& entry = batch.entries[batch.next];
  return entry.ends.empty() ? entry.bytes.size() : entry.BytesOf(entry.settled);
}

/// Where in the bytes of `entry` the last block ends that begins at `from` or later and, with those
/// before it from there on, has at most `room` bytes; `from` when there is none.
std::size_t LastEndWithin(const BlockBatch::Entry& entry, std::size_t from, std::uint64_t room) {
  const std::size_t left = entry.bytes.size() - from;
  if (left <= room) return entry.bytes.size();
  const std::size_t limit = from + static_cast<std::size_t>(room);
  const auto past = std::upper_bound(entry.ends.begin(), entry.ends.end(), limit);
  return past == entry.ends.begin() ? from : std::max(from, *(past - 1));
}

using Parts = std::array<iovec, kParts>;

/// Lays out the whole blocks of `batch` that fit into `room`, the first one whether it does or not.
std::span<iovec> LayOut(BlockBatch& batch, std::uint64_t room, Parts& parts) {
  std::size_t count = 0;
  std::size_t from = batch.written;
  for (std::size_t i = batch.next; i < batch.entries.size() && count < parts.size(); ++i) {
    BlockBatch::Entry& entry = batch.entries[i];
    std::size_t to = LastEndWithin(entry, from, room);
    if (to == from && count == 0) to = from + FirstBlockBytes(batch);
    if (to == from) break;
    parts[count++] = {entry.bytes.data() + from, to - from};
    room -= std::min<std::uint64_t>(room, to - from);
    if (to < entry.bytes.size()) break;
    from = 0;
  }
  return {parts.data(), count};
}

}  // namespace

Result<std::unique_ptr<FileSink>> FileSink::Open(const FileSinkOptions& options) {
  TLSCOPE_TRY(auto name, FileName::Parse(options.pattern));
  TLSCOPE_TRY(auto folder, OutputFolder::Open(std::move(name), options.on_failure));
  std::unique_ptr<FileSink> sink(new FileSink(options, std::move(folder)));
  TLSCOPE_TRY(sink->file_->Open());
  try {
    sink->rotated_ = std::make_unique<RotatedFiles>(
        *sink->folder_, RotatedFiles::Options{.gzip = options.gzip, .keep = options.keep});
    sink->thread_ = std::jthread([sink = sink.get()] { sink->Run(); });
  } catch (const std::system_error& error) {
    return Fail(Errc::kSystem, error.code().value(), "start a thread to write " + options.pattern);
  }
  return sink;
}

FileSink::FileSink(const FileSinkOptions& options, std::unique_ptr<OutputFolder> folder)
    : drain_deadline_(options.queue.drain_deadline),
      folder_(std::move(folder)),
      file_(std::make_unique<RotatingFile>(*folder_, RotatingOptionsOf(options),
                                           [this] { rotated_->Tend(); })),
      queue_(options.queue) {}

FileSink::~FileSink() { Close(); }

bool FileSink::Push(std::string block) { return queue_.Push(std::move(block)); }

void FileSink::Flush() {
  queue_.Flush();
  rotated_->Await();
}

void FileSink::Close() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
  if (rotated_) rotated_->Close(queue_.AtMostUntilDeadline(drain_deadline_));
}

SinkStats FileSink::stats() const { return queue_.stats(); }

void FileSink::Run() {
  BlockSignalsOnThisThread();
  BlockBatch batch;
  while (queue_.Take(batch)) WriteBatch(batch);
  file_->Close();
}

void FileSink::WriteBatch(BlockBatch& batch) {
  while (!batch.Done() && !queue_.PastDeadline()) WriteSome(batch);
  queue_.Drop(batch.entries, batch.next);
  batch = {};
}

/// Writes the blocks that come first, or gives them up.
void FileSink::WriteSome(BlockBatch& batch) {
  if (!file_->Prepare(FirstBlockBytes(batch))) {
    queue_.DropFront(batch);
    return;
  }
  Parts parts;
  const std::uint64_t room = std::min<std::uint64_t>(file_->Room(), kWriteBytes);
  const RotatingFile::Outcome outcome = file_->Write(LayOut(batch, room, parts));
  queue_.Advance(batch, outcome.bytes);
  if (outcome.error_number == 0) return;
  folder_->Report(FileTask::kWrite, file_->WriteError(outcome.error_number));
  const std::size_t whole = batch.entries[batch.next].SettledBytes();
  file_->TakeBack(batch.written - whole);
  queue_.DropFront(batch);
}

}  // namespace tlscope
