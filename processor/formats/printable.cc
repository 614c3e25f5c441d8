// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/printable.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace tlscope {
namespace {

/// Printable ASCII, tab and LF: bytes that stand for themselves everywhere.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x7f; ++byte) plain[byte] = true;
  plain['\t'] = plain['\n'] = true;
  return plain;
}();

std::size_t PlainPrefix(std::string_view bytes) {
  std::size_t length = 0;
  while (length < bytes.size() && kPlain[static_cast<std::uint8_t>(bytes[length])]) ++length;
  return length;
}

/// Bytes of the UTF-8 character that `bytes` (not empty) starts with; 0 when it is not well-formed,
/// or is a C1 control.
std::size_t Utf8Length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  // RFC 3629 4: the second byte's range keeps out overlong forms, surrogates and what is too large.
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
    if (lead == 0xc2) low = 0xa0;  // U+0080 to U+009F are controls
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  }
  if (length == 0 || bytes.size() < length || at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

void AppendEscaped(char byte, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto value = static_cast<std::uint8_t>(byte);
  out += {'\\', 'x', kDigits[value >> 4], kDigits[value & 15]};
}

bool IsPrintableText(std::string_view bytes) {
  for (;;) {
    bytes.remove_prefix(PlainPrefix(bytes));
    if (bytes.empty()) return true;
    const bool ascii = static_cast<std::uint8_t>(bytes.front()) < 0x80;
    const std::size_t length = ascii ? (bytes.front() == '\r' ? 1 : 0) : Utf8Length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
}

void AppendForTerminal(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    std::size_t length = PlainPrefix(bytes);
    if (length == 0) {
      const bool ascii = static_cast<std::uint8_t>(bytes.front()) < 0x80;
      length = ascii ? (bytes.substr(0, 2) == "\r\n" ? 1 : 0) : Utf8Length(bytes);
    }
    if (length == 0) {
      AppendEscaped(bytes.front(), out);
      length = 1;
    } else {
      out.append(bytes.substr(0, length));
    }
    bytes.remove_prefix(length);
  }
}

}  // namespace tlscope
