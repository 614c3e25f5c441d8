// SPDX-License-Identifier: Apache-2.0
#include "agent/capture_control.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <sstream>
#include <string>
#include <utility>

#include "agent/capture_command_line.h"

namespace tlscope {
namespace {

std::uint64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Whoever asked by a signal wants the answer however quiet the agent is.
void Answer(const Result<v1::Reply>& reply) {
  if (!reply) {
    spdlog::error("{}; everything is as it was", reply.error().Describe());
    return;
  }
  std::istringstream lines(reply->has_status() ? StatusText(reply->status()) : reply->text());
  for (std::string line; std::getline(lines, line);) spdlog::warn("{}", line);
}

}  // namespace

std::string HostName() {
  std::array<char, 256> name{};  // HOST_NAME_MAX is 64
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

CaptureControl::CaptureControl(const CaptureOptions& options, ProbeSession& probes,
                               const StopSignal& stop, std::uint64_t started_ktime_ns,
                               Observers observers)
    : options_(options),
      probes_(probes),
      stop_(stop),
      started_ktime_ns_(started_ktime_ns),
      observers_(std::move(observers)),
      settings_(options, observers_.on_change),
      controller_(Hooks()) {}

StatusSnapshot CaptureControl::Snapshot() const {
  StatusSnapshot snapshot;
  snapshot.version = TLSCOPE_VERSION;
  snapshot.instance = options_.instance;
  snapshot.host = HostName();
  snapshot.pid = static_cast<std::uint32_t>(getpid());
  snapshot.uptime_ns = NowNs() - started_ktime_ns_;
  if (observers_.stage) snapshot.stage = observers_.stage();
  snapshot.libraries = shared_.libraries();
  snapshot.processes = shared_.processes();
  snapshot.kernel = probes_.ReadCounters().value_or(KernelCounters{});
  snapshot.processor = shared_.processor();
  snapshot.rates = shared_.rates();
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
    if (observers_.on_paused) observers_.on_paused();
  };
  hooks.resume = [this](std::uint64_t skipped_bytes) {
    probes_.SetPaused(false);
    if (observers_.on_resumed) observers_.on_resumed(skipped_bytes);
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
  const auto now = ParseCaptureOptions(options_.arguments);
  if (!now) return tl::make_unexpected(now.error());
  return settings_.Apply(*now);
}

}  // namespace tlscope
