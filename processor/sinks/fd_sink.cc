// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/fd_sink.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "processor/base/thread_signals.h"

namespace tlscope {
namespace {

// How long the writer looks at a reader that does not read before it looks at Close.
constexpr std::chrono::milliseconds kReaderPatience{50};

}  // namespace

Result<std::unique_ptr<FdSink>> FdSink::Open(int fd, FdSinkOptions options) {
  TLSCOPE_TRY(auto writer, FdWriter::Open(fd));
  try {
    return std::unique_ptr<FdSink>(new FdSink(std::move(writer), std::move(options)));
  } catch (const std::system_error& error) {
    return Fail(Errc::kSystem, error.code().value(), "start the thread that writes");
  }
}

FdSink::FdSink(FdWriter writer, FdSinkOptions options)
    : on_failure_(std::move(options.on_failure)),
      writer_(std::move(writer)),
      queue_(std::move(options.queue)),
      thread_([this] { Run(); }) {}

FdSink::~FdSink() { Close(); }

bool FdSink::Push(std::string block) { return queue_.Push(std::move(block)); }

void FdSink::Flush() { queue_.Flush(); }

void FdSink::Close() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
}

SinkStats FdSink::stats() const { return queue_.stats(); }

void FdSink::Run() {
  BlockSignalsOnThisThread();
  BlockBatch batch;
  while (queue_.Take(batch)) WriteBatch(batch);
  WriteBatch(batch);  // the rest of a torn block: there may be room by now
  queue_.Drop(batch.entries, batch.next);
  writer_.Close();
}

/// Writes `batch` and leaves it empty, but for a torn block whose rest is to come first next time.
void FdSink::WriteBatch(BlockBatch& batch) {
  std::array<iovec, FdWriter::kMaxParts> parts;
  while (!batch.Done()) {
    if (queue_.PastDeadline()) {
      queue_.Drop(batch.entries, batch.next);
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
      queue_.Advance(batch, static_cast<std::size_t>(written));
    } else if (written == -EAGAIN) {
      writer_.Await(queue_.AtMostUntilDeadline(kReaderPatience));
    } else if (written != -EINTR && !Recover(batch, static_cast<int>(-written))) {
      return;
    }
  }
  batch = {};
}

/// What can be done after a failed write. True when the next block is worth a try at once.
bool FdSink::Recover(BlockBatch& batch, int error_number) {
  if (!IsPassingWriteError(error_number)) {
    queue_.Break(batch);
    if (on_failure_) on_failure_(error_number, true);
    return false;
  }
  if (!std::exchange(failure_reported_, true) && on_failure_) on_failure_(error_number, false);
  if (batch.written == batch.entries[batch.next].SettledBytes()) {
    queue_.DropFront(batch);
    return true;
  }
  // The output ends in the middle of a block: nothing may come before that block's rest.
  queue_.Drop(batch.entries, batch.next + 1);
  const auto first = batch.entries.begin();
  batch.entries.erase(first, first + static_cast<std::ptrdiff_t>(batch.next));
  batch.next = 0;
  return false;
}

}  // namespace tlscope
