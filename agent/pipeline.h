// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "agent/capture_options.h"
#include "agent/probe_session.h"
#include "agent/ring_reader.h"
#include "processor/event_bus.h"
#include "processor/event_processor.h"
#include "processor/output.h"
#include "processor/result.h"
#include "processor/sinks/fd_sink.h"

namespace tlscope {

/// Bytes of the kernel's ring.
std::uint64_t RingBytes(const CaptureOptions& options);

/// What a Pipeline asks and tells while it runs.
struct PipelineHooks {
  /// Bytes kept of a message's body. Asked on the processor's thread for each record.
  std::function<std::uint64_t()> body_limit_bytes;
  /// How far the processor is. On its thread, at least every 100 ms.
  std::function<void(const ProcessorStats& stats, std::uint64_t ktime_ns)> on_tick;
  /// Standard output cannot be written: for now, or `over`, for good. On a thread of its own.
  std::function<void(int error_number, bool over)> on_output_failure;
};

/// Everything between the ring and standard output. Members in the order in which data passes
/// them, from the end to the beginning, so that each outlives what feeds it.
class Pipeline {
 public:
  /// `probes` and `bus` are borrowed and outlive it.
  static Result<std::unique_ptr<Pipeline>> Open(const CaptureOptions& options,
                                                const ProbeSession& probes, EventBus& bus,
                                                PipelineHooks hooks);

  void Start();

  /// Reads what is left in the ring and publishes what is left of the messages. Once, after Start.
  void Drain();

  /// Writes what is left to standard output. Once, after Drain.
  void Close() { sink_->Close(); }

  /// After Drain.
  const ProcessorStats& processor_stats() const { return processor_.stats(); }
  /// Any thread.
  SinkStats sink_stats() const { return sink_->stats(); }

 private:
  Pipeline(const CaptureOptions& options, EventBus& bus, PipelineHooks hooks,
           std::unique_ptr<FdSink> sink, std::unique_ptr<Format> format);
  void OnPause();

  const PipelineHooks hooks_;
  std::unique_ptr<FdSink> sink_;
  Output output_;
  EventProcessor processor_;
  std::unique_ptr<RingReader> reader_;
  std::atomic<bool> stopping_ = false;
  std::jthread thread_;  // last: joined before anything it uses goes
};

}  // namespace tlscope
