// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/start_line.h"

#include <algorithm>

namespace tlscope::http1 {
namespace {

constexpr std::string_view kVersionPrefix = "HTTP/1.";
constexpr std::size_t kVersionBytes = 8;               // "HTTP/1.1"
constexpr std::size_t kStatusEnd = kVersionBytes + 4;  // "HTTP/1.1 200"

bool IsVersion(std::string_view text) {
  return text.size() == kVersionBytes && text.starts_with(kVersionPrefix) && IsDigit(text.back());
}

bool MayBeginStatusLine(std::string_view bytes) {
  const std::size_t prefix = std::min(bytes.size(), kVersionPrefix.size());
  if (bytes.substr(0, prefix) != kVersionPrefix.substr(0, prefix)) return false;
  for (std::size_t i = prefix; i < std::min(bytes.size(), kStatusEnd); ++i) {
    if (i == kVersionBytes ? bytes[i] != ' ' : !IsDigit(bytes[i])) return false;
  }
  return true;
}

}  // namespace

std::optional<RequestLine> ParseRequestLine(std::string_view line) {
  const std::size_t method = TokenLength(line.substr(0, kMaxMethodBytes + 1));
  if (method == 0 || method > kMaxMethodBytes) return std::nullopt;
  if (method >= line.size() || line[method] != ' ') return std::nullopt;
  const std::size_t target = line.find_first_not_of(' ', method);
  if (target == std::string_view::npos) return std::nullopt;
  const std::size_t target_end = line.find(' ', target);
  const std::size_t version = line.find_first_not_of(' ', target_end);
  if (version == std::string_view::npos) return std::nullopt;
  const std::size_t version_end = line.find_last_not_of(' ') + 1;
  if (!IsVersion(line.substr(version, version_end - version))) return std::nullopt;
  return RequestLine{line.substr(0, method), line.substr(target, target_end - target)};
}

std::optional<std::uint16_t> ParseStatusLine(std::string_view line) {
  if (line.size() < kStatusEnd || !MayBeginStatusLine(line)) return std::nullopt;
  if (line.size() > kStatusEnd && line[kStatusEnd] != ' ') return std::nullopt;
  unsigned status = 0;
  for (const char digit : line.substr(kVersionBytes + 1, 3)) {
    status = status * 10 + static_cast<unsigned>(digit - '0');
  }
  if (status < 100) return std::nullopt;
  return static_cast<std::uint16_t>(status);
}

bool MayBeginStartLine(Role role, std::string_view bytes) {
  if (role == Role::kResponse) return MayBeginStatusLine(bytes);
  const std::size_t method = TokenLength(bytes.substr(0, kMaxMethodBytes + 1));
  if (method == bytes.size()) return method <= kMaxMethodBytes;
  return method > 0 && method <= kMaxMethodBytes && bytes[method] == ' ';
}

}  // namespace tlscope::http1
