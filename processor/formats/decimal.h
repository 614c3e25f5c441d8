// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace tlscope {

/// Appends `value` in decimal.
inline void AppendDecimal(std::uint64_t value, std::string& out) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

/// Appends `value` as 16 hexadecimal digits: how ids are written.
inline void AppendHexId(std::uint64_t value, std::string& out) {
  for (int shift = 60; shift >= 0; shift -= 4) {
    out.push_back("0123456789abcdef"[value >> shift & 15]);
  }
}

}  // namespace tlscope
