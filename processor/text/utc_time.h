// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace tlscope {

/// Renders kernel times as `2026-11-21T08:54:12.123456Z`. Remembers the last second rendered, so
/// that a run of close times costs little. One thread at a time.
class UtcTime {
 public:
  /// `realtime_offset_ns`: CLOCK_REALTIME minus CLOCK_MONOTONIC.
  explicit UtcTime(std::int64_t realtime_offset_ns) : realtime_offset_ns_(realtime_offset_ns) {}

  /// Appends the UTC time of `ktime_ns` (CLOCK_MONOTONIC), cut to microseconds. Years 1970 to
  /// 9999; a time outside is shown as the nearest inside.
  void Append(std::uint64_t ktime_ns, std::string& out);

 private:
  std::int64_t realtime_offset_ns_;
  std::int64_t cached_second_ = -1;
  std::array<char, 20> cached_text_{};  // "2026-11-21T08:54:12."
};

/// Appends a time of the wall clock, in nanoseconds since 1970 UTC, in the same form. Any thread.
void AppendWallTime(std::int64_t unix_ns, std::string& out);

}  // namespace tlscope
