// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/terminal/eta.h"
#include "processor/bus/event_bus.h"

namespace tlscope {

/// How progress is shown.
enum class ProgressStyle : std::uint8_t {
  kNone,
  kCompact,   ///< [Stage 3/5] Replaying 87% | ETA: 3m 24s
  kDetailed,  ///< with amounts, pace and the time that has passed
  kBars,      ///< with a bar
};

/// What is counted; also the unit in ProgressEvents.
enum class ProgressUnit : std::uint8_t { kNone, kBytes, kCalls, kMessages };

/// A part of the work.
struct ProgressStage {
  std::string name;  ///< "Replaying"; printable ASCII
  ProgressUnit unit = ProgressUnit::kNone;
  std::uint64_t total = 0;  ///< 0: not known
  double weight = 1;        ///< of this stage in the whole, above 0
};

struct ProgressOptions {
  using Clock = std::chrono::steady_clock;

  ProgressStyle style = ProgressStyle::kCompact;
  /// Borrowed: hears of the progress, too; null: nobody does. Whatever the style is.
  EventBus* bus = nullptr;
  /// Replaces the line that was drawn last; `last`: it stays.
  std::function<void(std::string_view line, bool last)> draw = {};
  std::function<Clock::time_point()> now = Clock::now;
};

/// Tells how far work with an end is: a line for people, ten times a second at most, and
/// ProgressEvents. One thread.
class Progress {
 public:
  /// At least one stage; the first begins.
  Progress(ProgressOptions options, std::vector<ProgressStage> stages);

  /// So much of this stage is done. Cheap enough to be called for every piece of work.
  void Update(std::uint64_t done);

  /// This stage is done; the next begins, if there is one.
  void NextStage();

  /// The work is over, done or not: the line ends. Later calls do nothing.
  void Finish();

 private:
  using Clock = ProgressOptions::Clock;

  const ProgressStage& stage() const { return stages_[current_]; }
  double StageFraction() const;
  double Fraction() const;
  void Tell(Clock::time_point now, bool last);
  std::string Line(EtaEstimator::Seconds elapsed, bool last) const;
  std::string Detailed(EtaEstimator::Seconds elapsed, bool last) const;

  const ProgressOptions options_;
  const std::vector<ProgressStage> stages_;
  const Clock::time_point start_;
  Clock::time_point stage_start_;
  Clock::time_point told_;
  EtaEstimator eta_;
  std::size_t current_ = 0;
  std::uint64_t done_ = 0;
  double weight_ = 0;       // of all stages
  double done_weight_ = 0;  // of those that are done
  bool any_told_ = false;
  bool finished_ = false;
};

/// The style to use: `wanted`, if standard error is a terminal and nobody asked for `quiet`.
ProgressStyle ProgressStyleHere(ProgressStyle wanted, bool quiet);

/// ProgressOptions of this process: drawn on standard error, below the log.
ProgressOptions ProgressOnStderr(ProgressStyle wanted, bool quiet, EventBus* bus);

/// "3m 24s": the two largest units; "0s" for less than a second.
std::string DurationText(EtaEstimator::Seconds duration);

/// "1.5 GiB".
std::string BytesText(std::uint64_t bytes);

}  // namespace tlscope
