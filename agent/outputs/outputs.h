// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/options/output_options.h"
#include "agent/options/output_spec.h"
#include "agent/this_process/stop_signal.h"
#include "processor/base/result.h"
#include "processor/bus/event_bus.h"
#include "processor/formats/format.h"
#include "processor/outputs/output.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// What Outputs tells while it runs, on threads of its own.
struct OutputHooks {
  /// An output cannot be written to for now.
  std::function<void(const Error& error)> on_failure;
  /// An output has no connection: `error` says why, and it is tried again after `delay`.
  std::function<void(const std::string& name, const Error& error, std::chrono::milliseconds delay)>
      on_retry;
  /// An output has a connection, for the first time or again.
  std::function<void(const std::string& name)> on_connected;
  /// Standard output cannot be written to any longer, and there is no other output.
  std::function<void()> on_over;
};

/// Hooks that warn, tell the bus of retries, and stop the command when its output is over. Both are
/// borrowed.
OutputHooks OutputHooksOf(EventBus& bus, const StopSignal& stop);

/// The outputs of one command: formats and sinks as the options say, fed by a bus.
class Outputs {
 public:
  /// Opens all of them or none, and subscribes them to `bus`, which is borrowed and outlives them.
  /// `realtime_offset_ns`: CLOCK_REALTIME minus the clock of the events. Fails as the sinks do.
  static Result<std::unique_ptr<Outputs>> Open(const OutputOptions& options, EventBus& bus,
                                               std::int64_t realtime_offset_ns, OutputHooks hooks);

  /// Waits until what was taken is written, as Sink::Flush.
  void Flush();

  /// Writes what was taken, each within its own deadline. After the last event.
  void Close();

  /// Fails when an output lacks messages that it was given, with its name and how many; not for a
  /// standard output that nobody reads any longer. After Close.
  Result<void> CheckComplete() const;

  /// How each does. Any thread.
  std::vector<SinkSnapshot> Snapshots() const;

 private:
  struct Entry {
    OutputSpec spec;
    std::unique_ptr<Sink> sink;
    std::unique_ptr<Output> output;  // borrows the sink
  };

  Outputs(OutputHooks hooks, std::size_t outputs)
      : hooks_(std::move(hooks)), alone_(outputs == 1) {}
  Result<void> Add(const OutputSpec& spec, const OutputOptions& options,
                   std::int64_t realtime_offset_ns);
  Result<std::unique_ptr<Sink>> OpenSink(const OutputSpec& spec, const OutputOptions& options,
                                         const std::shared_ptr<Format>& format);
  void OnStdoutFailure(int error_number, bool over);

  const OutputHooks hooks_;
  const bool alone_;                  // there is one output only
  std::atomic<bool> unread_ = false;  // standard output, by now
  std::vector<Entry> entries_;
};

}  // namespace tlscope
