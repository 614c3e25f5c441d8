// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tlscope {

/// What a recording says of itself at its beginning.
struct RecordingInfo {
  std::string tlscope_version;
  std::string host;
  std::string kernel;                     ///< its release
  std::int64_t started_unix_ns = 0;       ///< nanoseconds since 1970 UTC
  std::int64_t realtime_offset_ns = 0;    ///< CLOCK_REALTIME minus CLOCK_MONOTONIC
  std::vector<std::uint16_t> ports = {};  ///< of wanted connections; empty: any
  bool operator==(const RecordingInfo&) const = default;
};

/// What was lost before the recorder for one reason.
struct RecordingCause {
  std::string cause;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  bool operator==(const RecordingCause&) const = default;
};

/// What a recording says of itself at its end:
///   seen_bytes == recorded_bytes + dropped_bytes + bytes of all losses.
struct RecordingTotals {
  std::uint64_t seen_calls = 0;  ///< SSL calls that moved data
  std::uint64_t seen_bytes = 0;  ///< of plaintext, here and below
  std::vector<RecordingCause> losses;
  std::uint64_t recorded_entries = 0;
  std::uint64_t recorded_bytes = 0;
  std::uint64_t dropped_entries = 0;
  std::uint64_t dropped_bytes = 0;
  bool operator==(const RecordingTotals&) const = default;
};

}  // namespace tlscope
