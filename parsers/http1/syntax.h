// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "parsers/core/field_syntax.h"

namespace tlscope::http1 {

/// Which direction's messages: the two differ in start line and in framing.
enum class Role : unsigned char { kRequest, kResponse };

namespace internal {
// RFC 9110 5.6.2: tchar.
constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                       "abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
inline constexpr std::array<bool, 256> kTokenTable = MakeTokenTable();
}  // namespace internal

/// How many of the leading characters of `text` are token characters (RFC 9110 5.6.2).
inline std::size_t TokenLength(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && internal::kTokenTable[static_cast<unsigned char>(text[length])]) {
    ++length;
  }
  return length;
}

/// Methods that are registered (IANA HTTP Method Registry) or widely used. Case matters.
bool IsKnownMethod(std::string_view method);

/// Whether a line begins with whitespace: the folded rest of the field line before it (RFC
/// 9112 5.2).
inline bool IsFold(std::string_view line) {
  return !line.empty() && (line.front() == ' ' || line.front() == '\t');
}

/// The length of the name that a field line (RFC 9112 5), without its line end, begins with; 0 when
/// it is none. No start line is one, which keeps the search for the next message linear.
inline std::size_t FieldNameLength(Role role, std::string_view line) {
  const std::size_t name = TokenLength(line);
  std::size_t colon = name;
  // RFC 9112 5.1: a server refuses whitespace before the colon, a proxy mends it in responses.
  if (role == Role::kResponse) {
    while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
  }
  return colon < line.size() && line[colon] == ':' ? name : 0;
}

}  // namespace tlscope::http1
