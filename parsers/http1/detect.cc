// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/detect.h"

#include <algorithm>
#include <cstddef>

#include "parsers/http1/start_line.h"
#include "parsers/http1/syntax.h"

namespace tlscope::http1 {
namespace {

constexpr std::size_t kMaxEmptyLines = 2;
constexpr std::size_t kMaxSpaces = 16;  // between two parts of a request line
constexpr std::size_t kMaxTargetBytes = 4096;
constexpr std::string_view kVersion = " HTTP/1.";
constexpr std::size_t kStatusLineBytes = 12;  // "HTTP/1.1 200"

// All but the last of the spaces at the front, where a single one is due.
std::string_view SkipExtraSpaces(std::string_view bytes) {
  const std::size_t spaces = std::min(bytes.find_first_not_of(' '), bytes.size());
  if (spaces > 1 && spaces <= kMaxSpaces) bytes.remove_prefix(spaces - 1);
  return bytes;
}

// The bytes after a target.
Detection DetectVersion(std::string_view bytes) {
  bytes = SkipExtraSpaces(bytes);
  const std::size_t seen = std::min(bytes.size(), kVersion.size());
  if (bytes.substr(0, seen) != kVersion.substr(0, seen)) return Detection::kNoMatch;
  return seen == kVersion.size() ? Detection::kMatch : Detection::kNeedMore;
}

Detection DetectTarget(std::string_view bytes, bool known_method) {
  if (bytes.empty()) return Detection::kNeedMore;
  if (known_method && bytes.front() == '/') return Detection::kMatch;
  const std::size_t limit = std::min(bytes.size(), kMaxTargetBytes);
  for (std::size_t i = 0; i < limit; ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == ' ') return i == 0 ? Detection::kNoMatch : DetectVersion(bytes.substr(i));
    if (c < ' ' || c == 0x7f) return Detection::kNoMatch;
  }
  return limit == kMaxTargetBytes ? Detection::kNoMatch : Detection::kNeedMore;
}

}  // namespace

Detection DetectRequest(std::string_view bytes) {
  // RFC 9112 2.2: a server ignores at least one empty line before the request line.
  for (std::size_t i = 0; i < kMaxEmptyLines; ++i) {
    if (bytes == "\r") return Detection::kNeedMore;
    if (bytes.starts_with("\r\n")) {
      bytes.remove_prefix(2);
    } else if (bytes.starts_with('\n')) {
      bytes.remove_prefix(1);
    }
  }
  if (!MayBeginStartLine(Role::kRequest, bytes)) return Detection::kNoMatch;
  const std::size_t method = TokenLength(bytes);
  if (method == bytes.size()) return Detection::kNeedMore;
  const bool known_method = IsKnownMethod(bytes.substr(0, method));
  return DetectTarget(SkipExtraSpaces(bytes.substr(method)).substr(1), known_method);
}

Detection DetectResponse(std::string_view bytes) {
  if (!MayBeginStartLine(Role::kResponse, bytes)) return Detection::kNoMatch;
  return bytes.size() < kStatusLineBytes ? Detection::kNeedMore : Detection::kMatch;
}

}  // namespace tlscope::http1
