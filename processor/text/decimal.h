// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>

#include "processor/text/hex_digits.h"

namespace tlscope {

/// Appends `value` in decimal.
inline void AppendDecimal(std::uint64_t value, std::string& out) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

/// Appends `value` as 16 hexadecimal digits: how ids are written.
inline void AppendHexId(std::uint64_t value, std::string& out) {
  std::array<char, 16> digits;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    digits[i] = kHexDigits[value >> (60 - 4 * i) & 15];
  }
  out.append(digits.data(), digits.size());
}

}  // namespace tlscope
