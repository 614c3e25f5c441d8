// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace tlscope {

/// How often an output begins a new file, whatever its size: at full hours, midnights or Mondays
/// (ISO 8601) of UTC.
enum class RotatePeriod : std::uint8_t { kNever, kHour, kDay, kWeek };

/// Which period `time` is in: times in one period, and only those, have the same number.
std::int64_t PeriodNumber(RotatePeriod period, std::chrono::system_clock::time_point time);

}  // namespace tlscope
