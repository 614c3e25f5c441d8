// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "agent/discovery/library_watch.h"
#include "agent/probes/kernel_counters.h"
#include "agent/status/agent_status.h"
#include "processor/events/processor_stats.h"

namespace tlscope {

/// What the records of a capture become: messages, or a recording. Called by the main thread, in
/// the order of declaration, except as noted; reads the ring on a thread of its own.
class RingConsumer {
 public:
  virtual ~RingConsumer() = default;

  /// Reads the ring from now on.
  virtual void Start() = 0;

  /// Everything is attached.
  virtual void OnReady() {}

  /// What is to be polled from then on until the capture ends.
  virtual std::vector<PolledDescriptor> Polled() { return {}; }

  /// Reads what is left in the ring. Once, after Start.
  virtual void Drain() = 0;

  /// After Drain.
  virtual const ProcessorStats& processor_stats() const = 0;

  /// Writes what is left. `counters`: all there will be.
  virtual void Close(const KernelCounters& counters) = 0;

  /// Prints what became of what was seen.
  virtual void Summarise(const KernelCounters& counters, const Evictions& evictions) const = 0;

  /// How the outputs do. Any thread.
  virtual std::vector<SinkSnapshot> Sinks() const = 0;
};

}  // namespace tlscope
