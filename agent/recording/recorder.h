// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "agent/capture/capture.h"
#include "agent/capture/ring_consumer.h"
#include "agent/probes/ring_reader.h"
#include "agent/recording/call_limit.h"
#include "agent/recording/record.h"
#include "agent/terminal/progress.h"
#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "processor/events/decoder.h"
#include "processor/recording/recording_sink.h"

namespace tlscope {

/// Records what comes over the ring.
class Recorder final : public RingConsumer {
 public:
  /// Makes the file. All is borrowed and outlives it. `failure`: set at Close at the latest, when
  /// nothing more can be written though somebody reads it.
  static Result<std::unique_ptr<RingConsumer>> Open(const RecordOptions& options,
                                                    const CaptureParts& parts,
                                                    std::optional<Error>& failure);

  void Start() override;
  void OnReady() override;
  std::vector<PolledDescriptor> Polled() override;
  void Drain() override;
  const ProcessorStats& processor_stats() const override { return stats_; }
  /// A file of a recording that never began is removed.
  void Close(const KernelCounters& counters) override;
  void Summarise(const KernelCounters& counters, const Evictions& evictions) const override;
  std::vector<SinkSnapshot> Sinks() const override;

 private:
  using Clock = std::chrono::steady_clock;

  Recorder(const RecordOptions& options, const CaptureParts& parts, std::optional<Error>& failure)
      : options_(options), parts_(parts), failure_(failure), limit_(options.calls) {}
  Result<void> OpenSink();
  Result<void> OpenTimer();
  void OnSinkFailure(const Error& error, bool over);
  bool limited() const { return options_.calls != 0 || options_.duration.count() != 0; }

  // On the ring's thread.
  void OnRecord(std::span<const std::byte> record);
  bool Admit(const Record& event);

  // On the main thread.
  void StartProgress();
  void OnTimer();
  void UpdateProgress();

  const RecordOptions& options_;
  const CaptureParts parts_;
  std::optional<Error>& failure_;  // the sink's thread's until Close
  UniqueFd file_;                  // none: standard output
  std::unique_ptr<RecordingSink> sink_;
  UniqueFd timer_;
  Clock::time_point ready_at_;
  bool ready_ = false;
  std::optional<Progress> progress_;
  std::unique_ptr<RingReader> reader_;

  // The ring thread's own until Drain.
  ProcessorStats stats_;
  CallLimit limit_;
  RecordedCount beyond_;                  // seen after as many calls as wanted
  std::atomic<std::uint64_t> calls_ = 0;  // limit_'s, for the main thread

  std::atomic<bool> stopping_ = false;
  std::jthread thread_;  // last: joined before anything it uses goes
};

}  // namespace tlscope
