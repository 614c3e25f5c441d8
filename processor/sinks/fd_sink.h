// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "processor/base/result.h"
#include "processor/sinks/block_queue.h"
#include "processor/sinks/fd_writer.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// How an FdSink queues and gives up.
struct FdSinkOptions {
  /// Its drain_deadline is how long Close waits for a reader that does not read.
  BlockQueueOptions queue = {};
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
  void Flush() override;
  /// Not from several threads at once.
  void Close() override;
  SinkStats stats() const override;

 private:
  FdSink(FdWriter writer, FdSinkOptions options);

  // On the writer thread.
  void Run();
  void WriteBatch(BlockBatch& batch);
  bool Recover(BlockBatch& batch, int error_number);

  const std::function<void(int error_number, bool over)> on_failure_;
  FdWriter writer_;
  bool failure_reported_ = false;  // the writer thread's own
  BlockQueue queue_;
  std::jthread thread_;  // last: it is joined before anything it uses goes
};

}  // namespace tlscope
