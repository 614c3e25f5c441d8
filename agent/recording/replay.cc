// SPDX-License-Identifier: Apache-2.0
#include "agent/recording/replay.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "agent/options/output_command_line.h"
#include "agent/options/output_options.h"
#include "agent/outputs/outputs.h"
#include "agent/status/summary.h"
#include "agent/terminal/warning.h"
#include "agent/this_process/stop_signal.h"
#include "processor/base/heap.h"
#include "processor/base/thread_signals.h"
#include "processor/bus/event_bus.h"
#include "processor/connections/event_processor.h"
#include "processor/recording/byte_source.h"
#include "processor/recording/recording_reader.h"
#include "processor/recording/replayer.h"
#include "processor/text/printable.h"

namespace tlscope {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kProgressEvery{100};

// After a signal: to publish what is held, before the outputs are closed.
constexpr milliseconds kStopPatience{500};

// No recording goes on for longer between two records.
constexpr nanoseconds kLongestWait = std::chrono::hours(24 * 365);

ProcessorOptions ProcessorOptionsOf(const OutputOptions& options, const RecordingInfo& info) {
  ProcessorOptions processor;
  processor.ports = info.ports;
  processor.limits.body_bytes = BodyLimitOf(options);
  processor.limits.decode_content = !options.raw_body;
  // The recording hides addresses already: its own names for them stay the same at every replay.
  processor.socket_key = HashKey{};
  return processor;
}

/// ", recorded on HOST (kernel RELEASE) by tlscope VERSION", as far as the recording says.
std::string OriginText(const RecordingInfo& info) {
  std::string text;
  if (!info.host.empty()) text += " on " + FieldValue(info.host);
  if (!info.kernel.empty()) text += " (kernel " + FieldValue(info.kernel) + ")";
  if (!info.tlscope_version.empty()) text += " by tlscope " + FieldValue(info.tlscope_version);
  return text.empty() ? text : ", recorded" + text;
}

/// Waits until what happens in a recording is due.
class Pace {
 public:
  /// `speed`: 0 for no waiting. `stop` is borrowed.
  Pace(double speed, const StopSignal& stop) : speed_(speed), stop_(stop) {}

  /// False when something said stop meanwhile.
  bool Await(std::uint64_t ktime_ns) {
    if (speed_ == 0) return true;
    if (!first_ktime_ns_) {
      first_ktime_ns_ = ktime_ns;
      start_ = Clock::now();
    }
    if (ktime_ns <= *first_ktime_ns_) return true;
    const double wait_ns = static_cast<double>(ktime_ns - *first_ktime_ns_) / speed_;
    const auto most = static_cast<double>(kLongestWait.count());
    const auto due = start_ + nanoseconds(static_cast<std::int64_t>(std::min(wait_ns, most)));
    for (;;) {
      const auto left = due - Clock::now();
      if (left <= nanoseconds{0}) return true;
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      const timespec timeout{seconds.count(), nanoseconds(left - seconds).count()};
      std::array<pollfd, 2> stops{{{stop_.signal_fd(), POLLIN, 0}, {stop_.raised_fd(), POLLIN, 0}}};
      if (ppoll(stops.data(), stops.size(), &timeout, nullptr) > 0) return false;
    }
  }

 private:
  const double speed_;
  const StopSignal& stop_;
  std::optional<std::uint64_t> first_ktime_ns_;
  Clock::time_point start_;
};

/// One replay. Members in the order in which data passes them, from the end to the beginning, as
/// far as they hold each other.
class Replay {
 public:
  Replay(const ReplayOptions& options, StopSignal stop, std::unique_ptr<FdSource> file)
      : options_(options), stop_(std::move(stop)), file_(std::move(file)), bytes_(*file_) {}

  Result<void> Run();

 private:
  Result<bool> OpenReader();
  Result<void> CheckOutputs() const;
  Result<void> OpenOutputs();
  void Work();
  void Follow();
  bool StoppedWithin(int timeout_ms, bool with_stops) const;
  Result<void> Outcome() const;
  void Summarise() const;

  const ReplayOptions& options_;
  StopSignal stop_;
  std::unique_ptr<FdSource> file_;
  MaybeZstdSource bytes_;
  std::unique_ptr<RecordingReader> reader_;
  std::unique_ptr<EventBus> bus_;
  std::unique_ptr<Outputs> outputs_;
  std::unique_ptr<EventProcessor> processor_;
  UniqueFd done_;
  std::atomic<bool> stopping_ = false;
  bool interrupted_ = false;  // something said stop before everything was written
  std::atomic<std::uint64_t> position_ = 0;
  std::jthread thread_;  // last: joined before anything it uses goes
};

/// False when something said stop before there was a header.
Result<bool> Replay::OpenReader() {
  auto reader = RecordingReader::Open(bytes_);
  if (reader) {
    reader_ = std::move(*reader);
    return true;
  }
  const Error& error = reader.error();
  if (error.error_number == ECANCELED) return false;
  return Fail(error.code, error.error_number, "replay " + file_->name(),
              error.remedy.empty() ? error.what : error.remedy);
}

/// An output is appended to a file that is there: the recording would not be one any longer.
Result<void> Replay::CheckOutputs() const {
  TLSCOPE_TRY(const auto specs, OutputsOf(options_.output));
  for (const OutputSpec& spec : specs) {
    if (spec.target == OutputTarget::kFile && file_->Is(spec.path))
      return Fail(Errc::kUsage, 0, "replay " + file_->name() + " into itself",
                  "name another file with -o");
  }
  return {};
}

Result<void> Replay::OpenOutputs() {
  const RecordingInfo& info = reader_->info();
  bus_ = std::make_unique<EventBus>(
      EventBusOptions{.realtime_offset_ns = info.realtime_offset_ns, .tags = options_.output.tags});
  bus_->SetStage(Stage::kCapturing);
  OutputOptions output = options_.output;
  output.host = info.host;
  output.when_full = WhenFull::kWait;
  OutputHooks hooks = OutputHooksOf(*bus_, stop_);
  TLSCOPE_TRY(auto outputs,
              Outputs::Open(output, *bus_, info.realtime_offset_ns, std::move(hooks)));
  outputs_ = std::move(outputs);
  processor_ = std::make_unique<EventProcessor>(ProcessorOptionsOf(output, info), *bus_);
  return {};
}

Result<void> Replay::Run() {
  TLSCOPE_TRY(const auto opened, OpenReader());
  if (!opened) return {};
  if (auto checked = CheckOutputs(); !checked) return checked;
  if (auto outputs = OpenOutputs(); !outputs) return outputs;
  done_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!done_) return Fail(Errc::kSystem, errno, "make an event descriptor");
  spdlog::info("ready: replaying {}{}", file_->name(), OriginText(reader_->info()));
  thread_ = std::jthread([this] { Work(); });
  Follow();
  outputs_->Close();
  thread_.join();
  stop_.RestoreDefault();
  Summarise();
  return Outcome();
}

/// Reads, processes and writes, on a thread of its own: writing may wait for a slow reader.
void Replay::Work() {
  BlockSignalsOnThisThread();
  Pace pace(options_.speed, stop_);
  Replayer replayer(*processor_, ProcessorOptionsOf(options_.output, reader_->info()),
                    [&pace](std::uint64_t ktime_ns) { return pace.Await(ktime_ns); });
  Record event;
  while (!stopping_.load(std::memory_order_relaxed) &&
         reader_->Next(event) == RecordingReader::Status::kEvent && replayer.OnEvent(event)) {
    position_.store(file_->position(), std::memory_order_relaxed);
  }
  replayer.Close();
  outputs_->Flush();
  eventfd_write(done_.get(), 1);
}

/// Shows how far it is, until it is done or something says stop.
void Replay::Follow() {
  const bool hidden = options_.quiet || PrintsToTerminal(options_.output);
  Progress progress(ProgressOnStderr(options_.progress, hidden, bus_.get()),
                    {{"Replaying", ProgressUnit::kBytes, file_->size().value_or(0), 1}});
  progress.Update(0);
  while (!StoppedWithin(static_cast<int>(kProgressEvery.count()), true)) {
    progress.Update(position_.load(std::memory_order_relaxed));
  }
  interrupted_ = !StoppedWithin(0, false);
  stopping_.store(true, std::memory_order_relaxed);
  StoppedWithin(static_cast<int>(kStopPatience.count()), false);
  progress.Update(position_.load(std::memory_order_relaxed));
  progress.Finish();
}

/// True when the work is done or, `with_stops`, something says stop.
bool Replay::StoppedWithin(int timeout_ms, bool with_stops) const {
  std::array<pollfd, 3> fds{
      {{done_.get(), POLLIN, 0}, {stop_.signal_fd(), POLLIN, 0}, {stop_.raised_fd(), POLLIN, 0}}};
  return poll(fds.data(), with_stops ? fds.size() : 1, timeout_ms) > 0;
}

Result<void> Replay::Outcome() const {
  if (!reader_->damage().empty())
    return Fail(Errc::kInvalidRecord, 0, "replay all of " + file_->name(), reader_->damage());
  if (interrupted_ && stop_.reason() == StopReason::kSignal) return {};
  return outputs_->CheckComplete();
}

void Replay::Summarise() const {
  const RecordingReadStats& read = reader_->stats();
  const ProcessorStats& processor = processor_->stats();
  spdlog::info("read: {} records, {} of plaintext ({} bytes)", read.events, processor.data_events,
               read.data_bytes);
  spdlog::info("messages: {} ({})", MessagesOf(processor), MessagesByType(processor));
  if (const auto& totals = reader_->totals(); totals && totals->seen_calls != 0) {
    spdlog::info("seen when it was recorded: {} calls ({} bytes)", totals->seen_calls,
                 totals->seen_bytes);
    for (const RecordingCause& loss : totals->losses)
      spdlog::info("lost when it was recorded: {} {} ({} bytes)", FieldValue(loss.cause),
                   loss.events, loss.bytes);
  }
  if (read.dropped_entries != 0)
    spdlog::info("lost when it was recorded: {} records ({} bytes) that the recorder did not write",
                 read.dropped_entries, read.dropped_bytes);
  if (read.unknown_entries != 0)
    spdlog::warn("{} records are of kinds unknown to this tlscope", read.unknown_entries);
  if (processor.filtered_events != 0)
    spdlog::info("filtered: {} records of unknown or other ports ({} bytes)",
                 processor.filtered_events, processor.filtered_bytes);
  if (processor.cut_bytes != 0) spdlog::info("over --tsize: {} bytes", processor.cut_bytes);
  PrintOutputs(outputs_->Snapshots());
}

}  // namespace

Result<void> RunReplay(const ReplayOptions& options) {
  KeepFreedMemory();
  TLSCOPE_TRY(auto stop, StopSignal::Open());
  TLSCOPE_TRY(auto file, FdSource::Open(options.path, {stop.signal_fd(), stop.raised_fd()}));
  return Replay(options, std::move(stop), std::move(file)).Run();
}

}  // namespace tlscope
