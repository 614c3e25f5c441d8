// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace tlscope {

/// CLOCK_MONOTONIC in nanoseconds: the clock of the kernel's records.
inline std::uint64_t MonotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// Nanoseconds since 1970 UTC.
inline std::int64_t UnixNs() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// What tells the time as UnixNs does.
using WallClock = std::int64_t (*)();

/// CLOCK_REALTIME minus CLOCK_MONOTONIC, in nanoseconds, as it was at the first call: two
/// measurements differ by what passes between the two clocks, and so would the times that outputs
/// tell of one event.
inline std::int64_t RealtimeOffsetNs() {
  static const std::int64_t offset_ns = UnixNs() - static_cast<std::int64_t>(MonotonicNs());
  return offset_ns;
}

}  // namespace tlscope
