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
  /// Makes the bytes written before the first block taken after a refusal. Empty: none are.
  std::function<std::string(std::uint64_t blocks, std::uint64_t bytes)> marker = TextDropMarker;
  /// Called on the writer thread, at most once per kind: `over` false, a block could not be
  /// written (disk full, I/O error) and later ones are tried; `over` true, nothing more can be
  /// written (the reader is gone) and pushes are refused from here on.
  std::function<void(int error_number, bool over)> on_failure;
};

/// Writes blocks to a file descriptor from a thread of its own, through a bounded queue. Bytes of
/// blocks are never interleaved or torn, except at the very end, when the output breaks.
class FdSink final : public Sink {
 public:
  /// `fd` is borrowed and stays open until Close has returned. Its flags are left as they are: a
  /// pipe or terminal is opened again to write without blocking.
  static Result<std::unique_ptr<FdSink>> Open(int fd, FdSinkOptions options = {});
  ~FdSink() override;
  FdSink(const FdSink&) = delete;
  FdSink& operator=(const FdSink&) = delete;

  /// A block larger than the whole queue is taken when the queue is empty.
  [[nodiscard]] bool Push(std::string block) override;
  void Close() override;
  SinkStats stats() const override;

 private:
  struct Entry {
    std::string bytes;
    std::size_t marker_bytes = 0;  // at the front; not the caller's
  };
  struct Batch {
    std::vector<Entry> entries;
    std::size_t next = 0;     // first entry not wholly written
    std::size_t written = 0;  // bytes of it that are
  };

  FdSink(FdWriter writer, FdSinkOptions options);

  void Run();
  bool WaitForBatch(Batch& batch);
  void WriteBatch(Batch& batch);
  void Advance(Batch& batch, std::size_t bytes);
  void OnWriteError(Batch& batch, int error_number);
  void Drop(Batch& batch, std::size_t from);
  void Report(int error_number, bool over);
  bool HasRoom(std::size_t bytes) const;
  std::chrono::steady_clock::time_point Deadline() const;

  FdSinkOptions options_;
  FdWriter writer_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Entry> queue_;          // under mutex_, like all below
  std::uint64_t held_bytes_ = 0;      // queued or being written
  std::size_t held_blocks_ = 0;       // likewise
  std::uint64_t refused_blocks_ = 0;  // since the last marker
  std::uint64_t refused_bytes_ = 0;
  bool closing_ = false;
  bool broken_ = false;
  bool waiting_ = false;  // the writer sleeps on an empty queue
  std::chrono::steady_clock::time_point drain_until_{};
  SinkStats stats_;

  bool reported_failure_ = false;  // the writer's own
  bool reported_over_ = false;

  std::jthread thread_;  // last: joined before anything it uses goes
};

}  // namespace tlscope
