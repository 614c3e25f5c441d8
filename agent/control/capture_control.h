// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/control/controller.h"
#include "agent/control/live_settings.h"
#include "agent/options/capture_options.h"
#include "agent/probes/probe_session.h"
#include "agent/status/agent_status.h"
#include "agent/status/shared_stats.h"
#include "agent/this_process/request_signals.h"
#include "agent/this_process/stop_signal.h"
#include "processor/bus/event_bus.h"

namespace tlscope {

/// What a capture does when it is commanded, and what it says when it is asked. Any thread may
/// execute commands once the capture runs.
class CaptureControl {
 public:
  /// Everything is borrowed and outlives this object. `started_ktime_ns`: CLOCK_MONOTONIC.
  CaptureControl(const CaptureOptions& options, ProbeSession& probes, const StopSignal& stop,
                 EventBus& bus, std::uint64_t started_ktime_ns);

  /// How the outputs do. Before the first command.
  void SetSinks(std::function<std::vector<SinkSnapshot>()> sinks) { sinks_ = std::move(sinks); }

  LiveSettings& settings() { return settings_; }
  SharedStats& shared() { return shared_; }
  Controller& controller() { return controller_; }

  StatusSnapshot Snapshot() const;

  /// What the signals ask for; what comes of it goes to standard error.
  RequestSignals::Handlers signal_handlers();

 private:
  ControllerHooks Hooks();
  void OnChange(const SettingChange& change);
  Result<std::vector<SettingChange>> Reload();

  const CaptureOptions options_;
  ProbeSession& probes_;
  const StopSignal& stop_;
  EventBus& bus_;
  const std::uint64_t started_ktime_ns_;
  LiveSettings settings_;
  SharedStats shared_;
  std::function<std::vector<SinkSnapshot>()> sinks_;
  Controller controller_;  // calls back into all of the above
};

}  // namespace tlscope
