// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "agent/options/capture_options.h"
#include "agent/probes/probe_session.h"
#include "agent/probes/ring_reader.h"
#include "processor/base/result.h"
#include "processor/bus/event_bus.h"
#include "processor/connections/event_processor.h"

namespace tlscope {

/// Bytes of the kernel's ring.
std::uint64_t RingBytes(const CaptureOptions& options);

/// What a Pipeline asks and tells while it runs.
struct PipelineHooks {
  /// Bytes kept of a message's body. Asked on the processor's thread for each record.
  std::function<std::uint64_t()> body_limit_bytes;
  /// How far the processor is. On its thread, at least every 100 ms.
  std::function<void(const ProcessorStats& stats, std::uint64_t ktime_ns)> on_tick;
};

/// Everything between the ring and the bus. Members in the order in which data passes
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

  /// After Drain.
  const ProcessorStats& processor_stats() const { return processor_.stats(); }

 private:
  Pipeline(const CaptureOptions& options, EventBus& bus, PipelineHooks hooks);
  void OnPause();

  const PipelineHooks hooks_;
  EventProcessor processor_;
  std::unique_ptr<RingReader> reader_;
  std::atomic<bool> stopping_ = false;
  std::jthread thread_;  // last: joined before anything it uses goes
};

}  // namespace tlscope
