// SPDX-License-Identifier: Apache-2.0
#include "agent/recording/recorder.h"

#include <spdlog/spdlog.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <variant>

#include "agent/capture/pipeline.h"
#include "agent/status/summary.h"
#include "agent/terminal/warning.h"
#include "agent/this_process/host_name.h"
#include "processor/base/clock.h"
#include "processor/recording/recording_file.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;

// How often the limits are looked at.
constexpr milliseconds kTimerEvery{100};

// Frames of few entries compress badly, and a file has no reader that waits.
constexpr milliseconds kZstdLinger{1000};

// Of progress where two limits count: parts of a whole.
constexpr std::uint64_t kWhole = 1'000'000;

RecordingInfo InfoNow(const CaptureOptions& options) {
  utsname kernel{};
  uname(&kernel);
  return {TLSCOPE_VERSION, HostName(), kernel.release, UnixNs(), RealtimeOffsetNs(), options.ports};
}

}  // namespace

Result<std::unique_ptr<RingConsumer>> Recorder::Open(const RecordOptions& options,
                                                     const CaptureParts& parts,
                                                     std::optional<Error>& failure) {
  std::unique_ptr<Recorder> recorder(new Recorder(options, parts, failure));
  TLSCOPE_TRY(
      auto reader,
      RingReader::Open(
          parts.probes, RingBytes(parts.options),
          [self = recorder.get()](std::span<const std::byte> record) { self->OnRecord(record); },
          [self = recorder.get()] {
            self->parts_.control.shared().PublishProcessor(self->stats_, MonotonicNs());
          }));
  recorder->reader_ = std::move(reader);
  TLSCOPE_TRY(recorder->OpenTimer());
  TLSCOPE_TRY(recorder->OpenSink());
  return recorder;
}

Result<void> Recorder::OpenSink() {
  RecordingSinkOptions sink;
  sink.on_failure = [this](const Error& error, bool over) { OnSinkFailure(error, over); };
  if (options_.path != "-") {
    TLSCOPE_TRY(auto file, MakeRecordingFile(options_.path, options_.replace));
    file_ = std::move(file);
    sink.name = options_.path;
    sink.own_file = true;
    sink.zstd = options_.path.ends_with(".zst");
    if (sink.zstd) sink.linger = kZstdLinger;
  }
  TLSCOPE_TRY(auto opened, RecordingSink::Open(file_ ? file_.get() : STDOUT_FILENO,
                                               InfoNow(parts_.options), std::move(sink)));
  sink_ = std::move(opened);
  return {};
}

Result<void> Recorder::OpenTimer() {
  if (!limited()) return {};
  timer_ = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const timespec every{0, std::chrono::nanoseconds(kTimerEvery).count()};
  const itimerspec spec{every, every};
  if (!timer_ || timerfd_settime(timer_.get(), 0, &spec, nullptr) != 0)
    return Fail(Errc::kSystem, errno, "make a timer");
  return {};
}

void Recorder::OnSinkFailure(const Error& error, bool over) {
  if (!over)
    return Warn(parts_.bus, error.Describe() + "; records are dropped until it works again");
  // EPIPE: whoever read standard output has seen enough.
  if (error.error_number != EPIPE)
    failure_ = Error{error.code, error.error_number, error.what,
                     "what was written before can be replayed"};
  parts_.stop.Raise(StopReason::kOutputClosed);
}

void Recorder::Start() {
  thread_ = std::jthread([this] { reader_->Run(stopping_); });
}

void Recorder::OnRecord(std::span<const std::byte> record) {
  ++stats_.records;
  const Result<Record> decoded = Decode(record);
  if (!decoded) {
    ++stats_.decode_errors;
    return;
  }
  const auto* const data = std::get_if<SSLDataEvent>(&*decoded);
  if (data != nullptr) {
    ++stats_.data_events;
    stats_.data_bytes += data->data.size();
  }
  if (!Admit(*decoded)) {
    beyond_.Add({1, data != nullptr ? data->data.size() : 0});
    return;
  }
  // What it refuses it counts.
  [[maybe_unused]] const bool taken = sink_->Push(*decoded);
}

/// False for what comes after as many calls as wanted.
bool Recorder::Admit(const Record& event) {
  const auto* const data = std::get_if<SSLDataEvent>(&event);
  if (data == nullptr) return !limit_.complete();
  const bool was_over = limit_.over();
  const bool admitted = limit_.Admit(*data);
  calls_.store(limit_.calls(), std::memory_order_relaxed);
  if (limit_.over() && !was_over) parts_.stop.Raise(StopReason::kLimit);
  return admitted;
}

void Recorder::OnReady() {
  ready_ = true;
  ready_at_ = Clock::now();
  if (limited()) StartProgress();
}

void Recorder::StartProgress() {
  ProgressStage stage{"Recording", ProgressUnit::kNone, kWhole, 1};
  if (options_.duration.count() == 0)
    stage = {"Recording", ProgressUnit::kCalls, options_.calls, 1};
  progress_.emplace(ProgressOnStderr(options_.progress, parts_.options.quiet, &parts_.bus),
                    std::vector{stage});
  progress_->Update(0);
}

std::vector<PolledDescriptor> Recorder::Polled() {
  if (!timer_) return {};
  return {{timer_.get(), [this] { OnTimer(); }}};
}

void Recorder::OnTimer() {
  std::uint64_t times = 0;
  [[maybe_unused]] const ssize_t got = read(timer_.get(), &times, sizeof times);
  UpdateProgress();
  const bool timed = options_.duration.count() != 0;
  if (timed && Clock::now() - ready_at_ >= options_.duration) parts_.stop.Raise(StopReason::kLimit);
}

/// Of two limits, the one that is nearer counts.
void Recorder::UpdateProgress() {
  const std::uint64_t calls = calls_.load(std::memory_order_relaxed);
  if (options_.duration.count() == 0) return progress_->Update(calls);
  const auto passed = std::chrono::duration_cast<milliseconds>(Clock::now() - ready_at_);
  const auto part = [](auto done, auto all) {
    const double share = all == 0 ? 0 : static_cast<double>(done) / static_cast<double>(all);
    return static_cast<std::uint64_t>(share * static_cast<double>(kWhole));
  };
  progress_->Update(std::min(kWhole, std::max(part(passed.count(), options_.duration.count()),
                                              part(calls, options_.calls))));
}

void Recorder::Drain() {
  stopping_.store(true, std::memory_order_release);
  thread_.join();
  if (!progress_) return;
  UpdateProgress();
  progress_->Finish();
}

void Recorder::Close(const KernelCounters& counters) {
  RecordingTotals totals;
  totals.seen_calls = counters[TLSCOPE_COUNT_SEEN].events;
  totals.seen_bytes = counters[TLSCOPE_COUNT_SEEN].bytes;
  for (const Loss& loss : LossTable(counters, stats_, std::nullopt)) {
    if (loss.events != 0 || loss.bytes != 0)
      totals.losses.push_back({std::string(loss.cause), loss.events, loss.bytes});
  }
  if (beyond_.entries != 0)
    totals.losses.push_back({"after --count was reached", beyond_.entries, beyond_.bytes});
  sink_->Close(totals);
  if (file_ && !ready_) unlink(options_.path.c_str());
}

void Recorder::Summarise(const KernelCounters& counters, const Evictions& evictions) const {
  const RecordingStats stats = sink_->stats();
  spdlog::info("events seen: {} ({} bytes)", counters[TLSCOPE_COUNT_SEEN].events,
               counters[TLSCOPE_COUNT_SEEN].bytes);
  spdlog::info("delivered: {} records, {} of plaintext ({} bytes)", stats_.records,
               stats_.data_events, stats_.data_bytes);
  spdlog::info("recorded: {} records ({} bytes of plaintext) in {} bytes", stats.recorded.entries,
               stats.recorded.bytes, stats.written_bytes);
  spdlog::info(
      "not recorded: too fast {} ({} bytes), failed writes {} ({} bytes), output closed {} ({} "
      "bytes), after --count {} ({} bytes), undecodable {}",
      stats.dropped_full.entries, stats.dropped_full.bytes, stats.dropped_failed.entries,
      stats.dropped_failed.bytes, stats.dropped_closed.entries, stats.dropped_closed.bytes,
      beyond_.entries, beyond_.bytes, stats_.decode_errors);
  PrintLosses(KernelLosses(counters));
  PrintEvictions(evictions);
  spdlog::info("filtered: {} calls", counters[TLSCOPE_COUNT_FILTERED].events);
}

std::vector<SinkSnapshot> Recorder::Sinks() const {
  const RecordingStats stats = sink_->stats();
  SinkStats sink;
  const auto set = [](const RecordedCount& count, std::uint64_t& blocks, std::uint64_t& bytes) {
    blocks = count.entries;
    bytes = count.bytes;
  };
  set(stats.pushed, sink.pushed_blocks, sink.pushed_bytes);
  set(stats.recorded, sink.written_blocks, sink.written_bytes);
  set(stats.dropped_full, sink.dropped_full_blocks, sink.dropped_full_bytes);
  set(stats.dropped_failed, sink.dropped_failed_blocks, sink.dropped_failed_bytes);
  set(stats.dropped_closed, sink.dropped_closed_blocks, sink.dropped_closed_bytes);
  set(stats.queued, sink.queued_blocks, sink.queued_bytes);
  return {{"recording", sink}};
}

}  // namespace tlscope
