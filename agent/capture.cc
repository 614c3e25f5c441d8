// SPDX-License-Identifier: Apache-2.0
#include "agent/capture.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "agent/library_attacher.h"
#include "agent/library_watch.h"
#include "agent/mapping_watcher.h"
#include "agent/privileges.h"
#include "agent/probe_session.h"
#include "agent/process_filters.h"
#include "agent/ring_reader.h"
#include "agent/stop_signal.h"
#include "agent/summary.h"
#include "processor/event_bus.h"
#include "processor/event_processor.h"
#include "processor/formats/line_format.h"
#include "processor/formats/protoset.h"
#include "processor/formats/text_format.h"
#include "processor/heap.h"
#include "processor/output.h"
#include "processor/sinks/fd_sink.h"

namespace tlscope {
namespace {

std::uint64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t RingBytes(const CaptureOptions& options) {
  return std::bit_ceil(std::uint64_t{options.ring_mib} << 20);
}

/// Tells the user what became of each library.
class LibraryLog final : public BusSubscriber {
 public:
  void OnBusEvent(Topic topic, const BusPayload& payload) noexcept override {
    const auto& library = std::get<LibraryEvent>(payload);
    if (topic == Topic::kLibraryAttached)
      spdlog::info("attached to {}", library.path);
    else if (topic == Topic::kLibraryDetached)
      spdlog::info("detached from {}: nobody maps it any longer", library.path);
    else
      spdlog::warn("warning: {}", library.error);
  }
};

Result<void> CheckPids(const std::vector<std::uint32_t>& pids) {
  for (const std::uint32_t pid : pids) {
    if (kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH) continue;
    return Fail(Errc::kNotFound, ESRCH, "watch process " + std::to_string(pid),
                "pgrep NAME tells the ids of running processes");
  }
  return {};
}

Result<ProbeOptions> ProbeOptionsOf(const CaptureOptions& options) {
  ProbeOptions probes;
  for (const std::string& path : options.cgroups) {
    const auto cgroup = CgroupId(path);
    if (!cgroup) return tl::make_unexpected(cgroup.error());
    probes.cgroups.push_back(*cgroup);
  }
  probes.ports = options.ports;
  probes.pids = options.pids;
  probes.uids = options.uids;
  probes.comms = options.comms;
  probes.max_payload_bytes = options.max_payload_bytes;
  probes.ring_bytes = RingBytes(options);
  probes.btf_path = options.btf_path;
  probes.attach_mode = options.attach_public ? AttachMode::kPublic : AttachMode::kAuto;
  probes.strategy = options.strategy;
  return probes;
}

// What is kept of a body, and the option that says so.
struct BodyLimit {
  std::uint64_t bytes;
  const char* option;
};

BodyLimit BodyLimitOf(const CaptureOptions& options) {
  if (options.headers_only) return {0, "--headers-only"};
  if (options.max_body_bytes != 0 && options.max_body_bytes < options.message_bytes)
    return {options.max_body_bytes, "--max-body"};
  return {options.message_bytes, "--tsize"};
}

bool UseColor(ColorMode mode, bool terminal) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org  NOLINT(concurrency-mt-unsafe)
  return terminal && (no_color == nullptr || *no_color == '\0');
}

Result<std::shared_ptr<Protoset>> OpenProtoset(const CaptureOptions& options) {
  if (options.protoset_path.empty()) return nullptr;
  auto protoset = Protoset::Open(options.protoset_path);
  if (!protoset) return tl::make_unexpected(protoset.error());
  return std::shared_ptr<Protoset>(std::move(*protoset));
}

std::unique_ptr<Format> MakeFormat(const CaptureOptions& options,
                                   std::shared_ptr<Protoset> protoset) {
  const auto offset_ns = static_cast<std::int64_t>(ClockNs(CLOCK_REALTIME)) -
                         static_cast<std::int64_t>(ClockNs(CLOCK_MONOTONIC));
  if (options.format == OutputFormat::kLine) return std::make_unique<LineFormat>(offset_ns);
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  TextFormatOptions text;
  text.realtime_offset_ns = offset_ns;
  text.escape_control = terminal;
  text.color = UseColor(options.color, terminal);
  text.pretty_json = options.pretty_json;
  text.body_view = options.body_view;
  text.cut_by = BodyLimitOf(options).option;
  text.protoset = std::move(protoset);
  return std::make_unique<TextFormat>(text);
}

FdSinkOptions StdoutOptions(const StopSignal& stop) {
  FdSinkOptions sink;
  sink.on_failure = [&stop](int error, bool over) {
    if (!over)
      spdlog::warn(
          "warning: cannot write to standard output: {}; messages are dropped until it "
          "works again",
          std::generic_category().message(error));
    if (over) stop.Raise();
  };
  return sink;
}

/// Everything between the ring and standard output. Members in the order in which data passes
/// them, from the end to the beginning, so that each outlives what feeds it.
class Pipeline {
 public:
  static Result<std::unique_ptr<Pipeline>> Open(const CaptureOptions& options,
                                                const ProbeSession& probes,
                                                const StopSignal& stop) {
    auto sink = FdSink::Open(STDOUT_FILENO, StdoutOptions(stop));
    if (!sink) return tl::make_unexpected(sink.error());
    auto protoset = OpenProtoset(options);
    if (!protoset) return tl::make_unexpected(protoset.error());
    auto format = MakeFormat(options, std::move(*protoset));
    std::unique_ptr<Pipeline> pipeline(new Pipeline(options, std::move(*sink), std::move(format)));
    auto reader = RingReader::Open(
        probes, RingBytes(options),
        [processor = &pipeline->processor_](std::span<const std::byte> record) {
          processor->OnRecord(record);
        },
        [processor = &pipeline->processor_] { processor->Tick(ClockNs(CLOCK_MONOTONIC)); });
    if (!reader) return tl::make_unexpected(reader.error());
    pipeline->reader_ = std::move(*reader);
    return pipeline;
  }

  EventBus& bus() { return bus_; }

  void Start() {
    thread_ = std::jthread([this] { reader_->Run(stopping_); });
  }

  /// Reads what is left in the ring and writes what is left of the messages. Once, after Start.
  void Drain() {
    stopping_.store(true, std::memory_order_release);
    thread_.join();
    processor_.Close(ClockNs(CLOCK_MONOTONIC));
    sink_->Close();
  }

  const ProcessorStats& processor_stats() const { return processor_.stats(); }
  SinkStats sink_stats() const { return sink_->stats(); }

 private:
  Pipeline(const CaptureOptions& options, std::unique_ptr<FdSink> sink,
           std::unique_ptr<Format> format)
      : sink_(std::move(sink)),
        output_(std::move(format), *sink_),
        processor_(ProcessorOptionsOf(options), bus_) {
    for (const char* pattern : {"events.http.request", "events.http.response",
                                "events.http.exchange", "events.tls.data", "control.health.lost"}) {
      Subscribe(pattern);
    }
    if (options.show_frames) Subscribe("events.http.frame");
    if (options.show_handshakes) Subscribe("events.tls.handshake");
  }

  void Subscribe(const char* pattern) {
    if (!bus_.Subscribe(pattern, output_)) std::abort();  // the patterns are ours
  }

  static ProcessorOptions ProcessorOptionsOf(const CaptureOptions& options) {
    ProcessorOptions processor;
    processor.limits.body_bytes = BodyLimitOf(options).bytes;
    processor.limits.decode_content = !options.raw_body;
    processor.ports = options.ports;
    return processor;
  }

  std::unique_ptr<FdSink> sink_;
  Output output_;
  EventBus bus_;
  EventProcessor processor_;
  std::unique_ptr<RingReader> reader_;
  std::atomic<bool> stopping_ = false;
  std::jthread thread_;  // last: joined before anything it uses goes
};

std::optional<std::chrono::milliseconds> DetachAfter(const CaptureOptions& options) {
  if (options.detach_after_s == 0) return std::nullopt;
  return std::chrono::seconds(options.detach_after_s);
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

}  // namespace

Result<void> RunCapture(const CaptureOptions& options) {
  if (auto result = CheckPrivileges(); !result) return result;
  if (auto result = CheckKernelTypes(options.btf_path); !result) return result;
  if (auto result = CheckPids(options.pids); !result) return result;
  KeepFreedMemory();
  RaiseDescriptorLimit();
  const auto stop = StopSignal::Open();
  if (!stop) return tl::make_unexpected(stop.error());
  // Before the look at what is mapped now: what comes after that is reported.
  const auto watcher = MappingWatcher::Open();
  if (!watcher) return tl::make_unexpected(watcher.error());
  const auto probe_options = ProbeOptionsOf(options);
  if (!probe_options) return tl::make_unexpected(probe_options.error());
  const auto probes = ProbeSession::Open(*probe_options);
  if (!probes) return tl::make_unexpected(probes.error());
  for (const std::string& shortcoming : (*probes)->shortcomings())
    spdlog::warn("warning: {}", shortcoming);

  const auto pipeline = Pipeline::Open(options, **probes, *stop);
  if (!pipeline) return tl::make_unexpected(pipeline.error());
  LibraryLog library_log;
  if (!(*pipeline)->bus().Subscribe("events.library.+", library_log)) std::abort();
  (*pipeline)->Start();

  LibraryAttacher libraries(**probes, (*pipeline)->bus());
  auto attached = AttachLibraries(options, libraries);
  if (attached) {
    spdlog::info("ready: attached to {} {}; stop with Ctrl-C", libraries.attached(),
                 libraries.attached() == 1 ? "library" : "libraries");
    WatchLibraries(**watcher, libraries, *stop, DetachAfter(options));
    stop->RestoreDefault();
  }
  (*probes)->Detach();
  (*pipeline)->Drain();
  if (!attached) return attached;
  const auto counters = (*probes)->ReadCounters();
  if (!counters) return tl::make_unexpected(counters.error());
  PrintSummary(*counters, (*probes)->CountEvictions(*counters), (*pipeline)->processor_stats(),
               (*pipeline)->sink_stats());
  return {};
}

}  // namespace tlscope
