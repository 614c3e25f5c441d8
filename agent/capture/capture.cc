// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/capture.h"

#include <spdlog/spdlog.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/capture/pipeline.h"
#include "agent/control/capture_control.h"
#include "agent/control/control_thread.h"
#include "agent/discovery/library_attacher.h"
#include "agent/discovery/library_watch.h"
#include "agent/discovery/mapping_watcher.h"
#include "agent/leases/kernel_file_guard.h"
#include "agent/outputs/outputs.h"
#include "agent/probes/probe_session.h"
#include "agent/procfs/pid_namespace.h"
#include "agent/procfs/process_filters.h"
#include "agent/status/summary.h"
#include "agent/terminal/warning.h"
#include "agent/this_process/host_name.h"
#include "agent/this_process/privileges.h"
#include "agent/this_process/request_signals.h"
#include "agent/this_process/stop_signal.h"
#include "processor/base/clock.h"
#include "processor/base/heap.h"
#include "processor/bus/event_bus.h"
#include "processor/outputs/event_log.h"

namespace tlscope {
namespace {

/// Tells the user what became of each library.
class LibraryLog final : public BusSubscriber {
 public:
  void OnBusEvent(Topic topic, const BusPayload& payload) noexcept override {
    const auto& library = std::get<LibraryEvent>(payload);
    if (topic == Topic::kLibraryAttached)
      spdlog::info("attached to {}", library.path);
    else if (topic == Topic::kLibraryDetached)
      spdlog::info("detached from {}: {}", library.path,
                   library.error.empty() ? "no process maps it any more" : library.error);
    else
      spdlog::warn("warning: {}", library.error);
  }
};

Result<void> CheckPids(const std::vector<std::uint32_t>& pids) {
  if (!pids.empty()) TLSCOPE_TRY(CheckProcIsOwn());
  for (const std::uint32_t pid : pids) {
    if (kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH) continue;
    return Fail(Errc::kNotFound, ESRCH, "watch process " + std::to_string(pid),
                OwnPidNamespace() == 0
                    ? "pgrep NAME prints the ids of running processes"
                    : "pgrep NAME prints the ids of running processes in this PID namespace; run "
                      "tlscope outside of it to watch others");
  }
  return {};
}

Result<ProbeOptions> ProbeOptionsOf(const CaptureOptions& options) {
  ProbeOptions probes;
  for (const std::string& path : options.cgroups) {
    TLSCOPE_TRY(const auto cgroup, CgroupId(path));
    probes.filters.cgroups.push_back(cgroup);
  }
  probes.filters.ports = options.ports;
  probes.filters.excluded_pid = static_cast<std::uint32_t>(getpid());
  probes.filters.pid_namespace = OwnPidNamespace();
  probes.filters.pids = options.pids;
  probes.filters.uids = options.uids;
  probes.filters.comms = options.comms;
  probes.max_payload_bytes = options.max_payload_bytes;
  probes.ring_bytes = RingBytes(options);
  probes.btf_path = options.btf_path;
  probes.attach_mode = options.attach_public ? AttachMode::kPublic : AttachMode::kAuto;
  probes.strategy = options.strategy;
  return probes;
}

PipelineHooks PipelineHooksOf(CaptureControl& control) {
  return {[&control] { return control.settings().body_limit_bytes(); },
          [&control](const ProcessorStats& stats, std::uint64_t ktime_ns) {
            control.shared().PublishProcessor(stats, ktime_ns);
          }};
}

Result<std::unique_ptr<EventLog>> OpenEventLog(const CaptureOptions& options, EventBus& bus) {
  if (options.event_log.empty()) return nullptr;
  EventLogOptions log;
  log.file.pattern = options.event_log;
  log.file.rotate_bytes = options.event_log_rotation.bytes;
  log.file.rotate_period = options.event_log_rotation.period;
  log.file.gzip = options.event_log_rotation.gzip;
  log.file.keep = options.event_log_rotation.keep;
  log.file.on_failure = [&bus](const Error& error) { Warn(bus, error.Describe()); };
  log.payload = options.event_log_payload;
  log.version = TLSCOPE_VERSION;
  log.host = HostName();
  log.instance = options.instance;
  return EventLog::Open(bus, std::move(log));
}

Result<void> AttachLibraries(const CaptureOptions& options, LibraryAttacher& libraries) {
  const auto now = std::chrono::steady_clock::now();
  for (const std::string& path : options.libraries) {
    if (auto attached = libraries.Attach(path, now); !attached) return attached;
  }
  libraries.AttachAll(now);
  if (libraries.attached() == 0 && libraries.denied())
    return tl::make_unexpected(*libraries.denied());
  if (libraries.attached() > 0 || options.wait_for_library) return {};
  return Fail(Errc::kNotFound, 0, "find a libssl that a process maps or that is installed",
              "start the program to watch first, name its library with --libssl PATH, or wait for "
              "one with --wait");
}

/// Turns records into messages and writes those to the outputs.
class MessageConsumer final : public RingConsumer {
 public:
  static Result<std::unique_ptr<RingConsumer>> Open(const CaptureParts& parts) {
    TLSCOPE_TRY(auto outputs, Outputs::Open(parts.options, parts.bus, RealtimeOffsetNs(),
                                            OutputHooksOf(parts.bus, parts.stop)));
    TLSCOPE_TRY(auto pipeline, Pipeline::Open(parts.options, parts.probes, parts.bus,
                                              PipelineHooksOf(parts.control)));
    return std::unique_ptr<RingConsumer>(
        new MessageConsumer(std::move(outputs), std::move(pipeline)));
  }

  void Start() override { pipeline_->Start(); }
  void Drain() override { pipeline_->Drain(); }
  const ProcessorStats& processor_stats() const override { return pipeline_->processor_stats(); }
  void Close(const KernelCounters& /*counters*/) override { outputs_->Close(); }
  void Summarise(const KernelCounters& counters, const Evictions& evictions) const override {
    PrintSummary(counters, evictions, processor_stats(), outputs_->Snapshots());
  }
  std::vector<SinkSnapshot> Sinks() const override { return outputs_->Snapshots(); }

 private:
  MessageConsumer(std::unique_ptr<Outputs> outputs, std::unique_ptr<Pipeline> pipeline)
      : outputs_(std::move(outputs)), pipeline_(std::move(pipeline)) {}

  std::unique_ptr<Outputs> outputs_;
  std::unique_ptr<Pipeline> pipeline_;
};

/// One capture, from the programs in the kernel to the summary. Members in the order in which they
/// are needed: what is used by another outlives it.
class Capture {
 public:
  Capture(const CaptureOptions& options, StopSignal stop, RequestSignals requests,
          std::unique_ptr<MappingWatcher> watcher, std::unique_ptr<FileGuard> guard,
          std::unique_ptr<ProbeSession> probes)
      : options_(options),
        stop_(std::move(stop)),
        requests_(std::move(requests)),
        watcher_(std::move(watcher)),
        guard_(std::move(guard)),
        probes_(std::move(probes)),
        bus_({.realtime_offset_ns = RealtimeOffsetNs(),
              .tags = options.tags,
              .max_events_per_second = options.max_events_per_second}),
        control_(options, *probes_, stop_, bus_, started_ktime_ns_),
        libraries_(*probes_, *guard_, bus_) {}

  Result<void> Open(const OpenRingConsumer& open);
  Result<void> Run();

 private:
  void PublishStart();
  void PublishEnd(const KernelCounters& counters);
  std::vector<SinkSnapshot> Sinks() const;
  void Watch();
  Result<void> WatchUntilStopped();
  Result<KernelCounters> End(bool began);
  void Summarise(const KernelCounters& counters) const;

  const CaptureOptions& options_;
  const std::uint64_t started_ktime_ns_ = MonotonicNs();
  StopSignal stop_;
  RequestSignals requests_;
  std::unique_ptr<MappingWatcher> watcher_;
  std::unique_ptr<FileGuard> guard_;
  std::unique_ptr<ProbeSession> probes_;
  EventBus bus_;
  LibraryLog library_log_;
  CaptureControl control_;
  LibraryAttacher libraries_;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<RingConsumer> consumer_;
  std::unique_ptr<ControlThread> control_thread_;
};

Result<void> Capture::Open(const OpenRingConsumer& open) {
  if (!bus_.Subscribe("events.library.+", library_log_)) std::abort();  // the pattern is ours
  TLSCOPE_TRY(auto log, OpenEventLog(options_, bus_));
  log_ = std::move(log);
  TLSCOPE_TRY(auto consumer, open({options_, *probes_, stop_, bus_, control_}));
  consumer_ = std::move(consumer);
  control_.SetSinks([this] { return Sinks(); });
  TLSCOPE_TRY(auto control_thread, ControlThread::Open(options_, bus_, control_));
  control_thread_ = std::move(control_thread);
  return {};
}

Result<void> Capture::Run() {
  PublishStart();
  consumer_->Start();
  control_thread_->Start();
  bus_.SetStage(Stage::kAttaching);
  auto attached = AttachLibraries(options_, libraries_);
  Result<void> watched;
  if (attached) {
    bus_.SetStage(Stage::kCapturing);
    spdlog::info("ready: attached to {} {}; stop with Ctrl-C", libraries_.attached(),
                 libraries_.attached() == 1 ? "library" : "libraries");
    consumer_->OnReady();
    watched = WatchUntilStopped();
    stop_.RestoreDefault();
  } else {
    const std::string reason = attached.error().Describe();
    bus_.Publish(Topic::kAgentLifecycle, CaptureCancelledEvent{reason});
  }
  const auto counters = End(attached.has_value());
  // Of what never began there is nothing to sum up.
  if (!attached) return attached;
  if (!counters) return tl::make_unexpected(counters.error());
  Summarise(*counters);
  return watched;
}

void Capture::PublishStart() {
  utsname kernel{};
  uname(&kernel);
  const std::string host = HostName();
  bus_.Publish(Topic::kAgentLifecycle, CaptureStartedEvent{TLSCOPE_VERSION, host, options_.instance,
                                                           static_cast<std::uint32_t>(getpid()),
                                                           kernel.release, options_.arguments});
  for (const std::string& shortcoming : probes_->shortcomings()) Warn(bus_, shortcoming);
}

std::vector<SinkSnapshot> Capture::Sinks() const {
  std::vector<SinkSnapshot> sinks = consumer_->Sinks();
  if (log_) sinks.push_back({"event log", log_->stats()});
  return sinks;
}

void Capture::Watch() {
  WatchOptions options;
  options.detach_after = [this] { return control_.settings().detach_after(); };
  options.others = consumer_->Polled();
  options.others.push_back({requests_.fd(), [this, handlers = control_.signal_handlers()] {
                              requests_.Dispatch(handlers);
                            }});
  options.on_change = [this] {
    control_.shared().PublishAttached(libraries_.names(), libraries_.processes().All());
  };
  WatchLibraries(*watcher_, libraries_, stop_, options);
}

/// No exception is expected, but memory may be short: then the capture ends as by a signal, with
/// what it has. Nobody would tell its threads to end otherwise, and the process would wait for
/// them.
Result<void> Capture::WatchUntilStopped() {
  try {
    Watch();
    return {};
  } catch (const std::exception& error) {
    return Fail(Errc::kSystem, 0, std::string("continue capturing: ") + error.what());
  }
}

/// From the last event in the kernel to the end of every output.
Result<KernelCounters> Capture::End(bool began) {
  bus_.SetStage(Stage::kDraining);
  probes_->Detach();
  libraries_.ForgetAll();  // nobody waits for the outputs to write to a file, or to unmount it
  consumer_->Drain();
  auto counters = probes_->ReadCounters();
  if (began && counters) PublishEnd(*counters);
  bus_.SetStage(Stage::kEnded);
  consumer_->Close(counters.value_or(KernelCounters{}));
  control_thread_->Close();
  if (log_) log_->Close();
  return counters;
}

void Capture::Summarise(const KernelCounters& counters) const {
  consumer_->Summarise(counters, probes_->CountEvictions(counters));
  PrintBusSummary(bus_, log_ ? std::optional(log_->stats()) : std::nullopt);
}

void Capture::PublishEnd(const KernelCounters& counters) {
  const ProcessorStats& stats = consumer_->processor_stats();
  const std::uint64_t seen = counters[TLSCOPE_COUNT_SEEN].bytes;
  bus_.Publish(Topic::kAgentLifecycle,
               CaptureCompletedEvent{MessagesOf(stats), seen, seen - stats.data_bytes,
                                     StopReasonName(stop_.reason())});
}

}  // namespace

Result<void> RunCapture(const CaptureOptions& options) {
  return RunCapture(options, &MessageConsumer::Open);
}

Result<void> RunCapture(const CaptureOptions& options, const OpenRingConsumer& open) {
  if (auto result = CheckPrivileges(); !result) return result;
  if (auto result = CheckKernelTypes(options.btf_path); !result) return result;
  if (auto result = CheckPids(options.pids); !result) return result;
  KeepFreedMemory();
  RaiseDescriptorLimit();
  TLSCOPE_TRY(auto stop, StopSignal::Open());
  TLSCOPE_TRY(auto requests, RequestSignals::Open(!options.config_path.empty()));
  // Before the look at what is mapped now: what comes after that is reported.
  TLSCOPE_TRY(auto watcher, MappingWatcher::Open());
  TLSCOPE_TRY(auto guard, KernelFileGuard::Open());
  TLSCOPE_TRY(const auto probe_options, ProbeOptionsOf(options));
  TLSCOPE_TRY(auto probes, ProbeSession::Open(probe_options));
  Capture capture(options, std::move(stop), std::move(requests), std::move(watcher),
                  std::move(guard), std::move(probes));
  if (auto opened = capture.Open(open); !opened) return opened;
  return capture.Run();
}

}  // namespace tlscope
