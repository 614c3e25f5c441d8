// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/look_schedule.h"

#include <algorithm>

namespace tlscope {
namespace {

using std::chrono::milliseconds;
using Duration = LookSchedule::Duration;

// How often every process is looked at even if nothing happened, and after reports were lost.
constexpr Duration kEvery = std::chrono::seconds(30);
constexpr Duration kLeast = milliseconds(500);

// A library that nobody maps is noticed at half its time, but no look is made for it more often.
constexpr Duration kLeastForDetaching = milliseconds(100);

// On a host with many processes looks take at most this part of a CPU.
constexpr int kShare = 50;

Duration Every(LookSchedule::DetachAfter detach_after) {
  if (!detach_after) return kEvery;
  return std::clamp<Duration>(*detach_after / 2, kLeastForDetaching, kEvery);
}

}  // namespace

milliseconds LookSchedule::Until(Time now) const {
  return std::max(std::chrono::ceil<milliseconds>(due_ - now), milliseconds(0));
}

void LookSchedule::OnLooked(Time now, Duration cpu_time, DetachAfter detach_after) {
  earliest_ = now + std::max(kLeast, cpu_time * kShare);
  due_ = std::max(now + Every(detach_after), earliest_);
}

void LookSchedule::OnIncomplete(Time now) { due_ = std::min(due_, std::max(earliest_, now)); }

void LookSchedule::OnSettings(Time now, DetachAfter detach_after) {
  due_ = std::min(due_, std::max(now + Every(detach_after), earliest_));
}

}  // namespace tlscope
