// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope {

/// What proto/tlscope/v1/recording.proto promises.
inline constexpr std::string_view kRecordingMagic = "tlscope recording";
inline constexpr std::uint32_t kRecordingVersion = 1;
inline constexpr std::size_t kMaxRecordingEntryBytes = 64U << 10;

/// Of RecordingHeader: more are not read.
inline constexpr int kMaxRecordingPorts = 1024;

/// Of RecordingEnd: more are not written, and not read.
inline constexpr int kMaxRecordingLosses = 64;

}  // namespace tlscope
