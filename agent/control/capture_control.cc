// SPDX-License-Identifier: Apache-2.0
#include "agent/control/capture_control.h"

#include <spdlog/spdlog.h>

#include <sstream>
#include <string>
#include <utility>

#include "agent/options/capture_command_line.h"
#include "agent/this_process/host_name.h"
#include "processor/base/clock.h"

namespace tlscope {
namespace {

// Whoever asked by a signal wants the answer however quiet the agent is.
void Answer(const Result<v1::Reply>& reply) {
  if (!reply) {
    spdlog::error("{}; nothing changed", reply.error().Describe());
    return;
  }
  std::istringstream lines(reply->has_status() ? StatusText(reply->status()) : reply->text());
  for (std::string line; std::getline(lines, line);) spdlog::warn("{}", line);
}

}  // namespace

CaptureControl::CaptureControl(const CaptureOptions& options, ProbeSession& probes,
                               const StopSignal& stop, EventBus& bus,
                               std::uint64_t started_ktime_ns)
    : options_(options),
      probes_(probes),
      stop_(stop),
      bus_(bus),
      started_ktime_ns_(started_ktime_ns),
      settings_(options, [this](const SettingChange& change) { OnChange(change); }),
      controller_(Hooks()) {}

void CaptureControl::OnChange(const SettingChange& change) {
  bus_.SetMaxEventsPerSecond(settings_.max_events_per_second());
  bus_.Publish(Topic::kAgentConfig,
               ConfigChangedEvent{change.key, change.old_value, change.new_value});
}

StatusSnapshot CaptureControl::Snapshot() const {
  StatusSnapshot snapshot;
  snapshot.version = TLSCOPE_VERSION;
  snapshot.instance = options_.instance;
  snapshot.host = HostName();
  snapshot.pid = static_cast<std::uint32_t>(getpid());
  snapshot.uptime_ns = MonotonicNs() - started_ktime_ns_;
  snapshot.stage = bus_.stage();
  snapshot.libraries = shared_.libraries();
  snapshot.processes = shared_.processes();
  snapshot.kernel = probes_.ReadCounters().value_or(KernelCounters{});
  snapshot.processor = shared_.processor();
  snapshot.rates = shared_.rates();
  snapshot.rate_limited_events = bus_.rate_limited();
  snapshot.clients = shared_.clients();
  if (sinks_) snapshot.sinks = sinks_();
  snapshot.settings = settings_.All();
  return snapshot;
}

RequestSignals::Handlers CaptureControl::signal_handlers() {
  return {[this] {
            v1::Command command;
            command.mutable_reload();
            Answer(controller_.Execute(command));
          },
          [this] {
            v1::Command command;
            command.mutable_get_status();
            Answer(controller_.Execute(command));
          }};
}

ControllerHooks CaptureControl::Hooks() {
  ControllerHooks hooks;
  hooks.status = [this] { return MakeStatus(Snapshot()); };
  hooks.paused_bytes = [this] {
    const auto counters = probes_.ReadCounters();
    return counters ? (*counters)[TLSCOPE_COUNT_PAUSED].bytes : std::uint64_t{0};
  };
  hooks.pause = [this] {
    probes_.SetPaused(true);
    bus_.SetStage(Stage::kPaused);
    bus_.Publish(Topic::kAgentLifecycle, CapturePausedEvent{});
  };
  hooks.resume = [this](std::uint64_t skipped_bytes) {
    probes_.SetPaused(false);
    bus_.SetStage(Stage::kCapturing);
    bus_.Publish(Topic::kAgentLifecycle, CaptureResumedEvent{skipped_bytes});
  };
  hooks.stop = [this] { stop_.Raise(StopReason::kCommand); };
  hooks.reload = [this] { return Reload(); };
  hooks.set = [this](const std::string& key, const std::string& value) {
    return settings_.Set(key, value);
  };
  return hooks;
}

Result<std::vector<SettingChange>> CaptureControl::Reload() {
  if (options_.config_path.empty())
    return Fail(Errc::kUsage, 0, "reload the configuration",
                "the agent was started without --config FILE");
  TLSCOPE_TRY(const auto now, ParseCaptureOptions(options_.arguments));
  return settings_.Apply(now);
}

}  // namespace tlscope
