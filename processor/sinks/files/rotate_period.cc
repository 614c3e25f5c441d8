// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/rotate_period.h"

namespace tlscope {

std::int64_t PeriodNumber(RotatePeriod period, std::chrono::system_clock::time_point time) {
  namespace chrono = std::chrono;
  // Day 0, 1970-01-01, was a Thursday.
  constexpr chrono::days kFromMondayToDayZero{3};
  const auto since_day_zero = time.time_since_epoch();
  switch (period) {
    case RotatePeriod::kNever:
      return 0;
    case RotatePeriod::kHour:
      return chrono::floor<chrono::hours>(since_day_zero).count();
    case RotatePeriod::kDay:
      return chrono::floor<chrono::days>(since_day_zero).count();
    case RotatePeriod::kWeek:
      return chrono::floor<chrono::weeks>(since_day_zero + kFromMondayToDayZero).count();
  }
  return 0;
}

}  // namespace tlscope
