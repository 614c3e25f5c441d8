// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "processor/result.h"
#include "processor/sinks/fd_writer.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// The line that stands in text output for blocks that were refused.
std::string TextDropMarker(std::uint64_t blocks, std::uint64_t bytes);

/// How an FdSink queues and gives up.
struct FdSinkOptions {
  std::uint64_t queue_bytes = 64U << 20;
  std::size_t queue_blocks = 65536;
  /// How long a lone block waits for company, so that a busy stream is written in batches.
  std::chrono::milliseconds linger{5};
  /// How long Close waits for a reader that does not read.
  std::chrono::milliseconds drain_deadline{2000};
  /// Makes the bytes written where blocks were refused because the queue was full. Empty: none are.
  std::function<std::string(std::uint64_t blocks, std::uint64_t bytes)> marker = TextDropMarker;
  /// Called on the writer thread, at most once per kind: `over` false, a block could not be
  /// written (disk full, I/O error) and later ones are tried; `over` true, nothing more can be
  /// written (the reader is gone) and pushes are refused from here on. Must not call Close.
  std::function<void(int error_number, bool over)> on_failure = {};
};

/// Writes blocks to a file descriptor from a thread of its own, through a bounded queue. Blocks are
/// neither interleaved nor torn, except the last one when the output breaks or Close gives up.
class FdSink final : public Sink {
 public:
  /// `fd` is borrowed and stays open until Close has returned. Its flags are left as they are: a
  /// pipe or terminal is opened again to be written without blocking.
  static Result<std::unique_ptr<FdSink>> Open(int fd, FdSinkOptions options = {});
  ~FdSink() override;
  FdSink(const FdSink&) = delete;
  FdSink& operator=(const FdSink&) = delete;

  /// A block larger than the whole queue is taken when the queue is empty.
  [[nodiscard]] bool Push(std::string block) override;
  /// Not from several threads at once.
  void Close() override;
  SinkStats stats() const override;

 private:
  /// Some blocks in a row, or a marker.
  struct Entry {
    std::string bytes;
    std::vector<std::size_t> ends;  // of each block in bytes; a marker has none
    std::size_t settled = 0;        // blocks whose fate is counted

    std::size_t BytesOf(std::size_t block) const {
      return ends[block] - (block == 0 ? 0 : ends[block - 1]);
    }
  };
  /// What the writer has taken from the queue.
  struct Batch {
    std::vector<Entry> entries;
    std::size_t next = 0;     // first entry not wholly written
    std::size_t written = 0;  // bytes of it that are
  };
  enum class WriterState : std::uint8_t { kBusy, kWaiting, kLingering };

  FdSink(FdWriter writer, FdSinkOptions options);

  bool HasRoomFor(std::size_t bytes) const;
  void Enqueue(std::string&& block);
  void EnqueueMarker();
  bool WriterShouldWake() const;

  // On the writer thread.
  void Run();
  bool TakeBatch(Batch& batch);
  void WriteBatch(Batch& batch);
  void AwaitReader();
  bool PastDeadline() const;
  void Advance(Batch& batch, std::size_t bytes);
  bool Recover(Batch& batch, int error_number);
  void Break(Batch& batch, int error_number);
  void Drop(std::vector<Entry>& entries, std::size_t from);
  void Release(std::size_t block_bytes);

  const FdSinkOptions options_;
  FdWriter writer_;
  bool failure_reported_ = false;  // the writer thread's own

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Entry> queue_;
  std::uint64_t held_bytes_ = 0;      // queued or being written
  std::size_t held_blocks_ = 0;       // likewise
  std::uint64_t refused_blocks_ = 0;  // since the last marker
  std::uint64_t refused_bytes_ = 0;   // likewise
  WriterState writer_state_ = WriterState::kBusy;
  bool closing_ = false;
  bool broken_ = false;
  std::chrono::steady_clock::time_point drain_until_;
  SinkStats stats_;

  std::jthread thread_;  // last: it is joined before anything it uses goes
};

}  // namespace tlscope
