// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

namespace tlscope {

/// When every process is to be looked at next: often enough that nothing is missed for long and
/// libraries are left in time, and so seldom that looks take a small share of one CPU.
class LookSchedule {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  /// For how long nobody may have mapped a library that is to be left; nullopt: for ever.
  using DetachAfter = std::optional<std::chrono::milliseconds>;

  /// As after a look at `now` that took nothing.
  LookSchedule(Time now, DetachAfter detach_after) { OnLooked(now, {}, detach_after); }

  bool Due(Time now) const { return now >= due_; }

  /// Until it is due, rounded up; 0 when it is.
  std::chrono::milliseconds Until(Time now) const;

  /// A look ended at `now`, for which this thread had `cpu_time` of a CPU.
  void OnLooked(Time now, Duration cpu_time, DetachAfter detach_after);

  /// What was reported is not all that was mapped: a look is wanted as soon as may be.
  void OnIncomplete(Time now);

  /// `detach_after` may be another than before.
  void OnSettings(Time now, DetachAfter detach_after);

 private:
  Time due_;
  Time earliest_;  ///< whatever happens
};

}  // namespace tlscope
