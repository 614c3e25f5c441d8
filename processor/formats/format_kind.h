// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "processor/events/topic.h"

namespace tlscope {

/// What events can be written as.
enum class FormatKind : std::uint8_t { kText, kLine, kHex, kJson, kProtobuf, kPcapng };

/// What there is to know of a format without making one.
struct FormatInfo {
  FormatKind kind;
  std::string_view name;       ///< as options have it
  std::string_view extension;  ///< of a path that means it; empty: none does
  bool binary;                 ///< not for terminals; its blocks end in no newline
};

inline constexpr std::array<FormatInfo, 6> kFormats = {{
    {FormatKind::kText, "text", ".txt", false},
    {FormatKind::kLine, "line", "", false},
    {FormatKind::kHex, "hex", ".hex", false},
    {FormatKind::kJson, "json", ".jsonl", false},
    {FormatKind::kProtobuf, "protobuf", ".pb", true},
    {FormatKind::kPcapng, "pcapng", ".pcapng", true},
}};

constexpr const FormatInfo& InfoOf(FormatKind kind) {
  return kFormats[static_cast<std::size_t>(kind)];
}

/// Nothing when no format has that name.
constexpr std::optional<FormatKind> FormatNamed(std::string_view name) {
  for (const FormatInfo& info : kFormats) {
    if (info.name == name) return info.kind;
  }
  return std::nullopt;
}

}  // namespace tlscope
