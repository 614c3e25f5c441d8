// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/printable.h"

#include <cstddef>
#include <cstdint>

namespace tlscope {
namespace {

/// What stands for itself everywhere: printable ASCII, tab, LF and, where it is harmless, CR.
template <bool kWithCr>
constexpr bool IsPlain(std::uint8_t byte) {
  // No short circuits: the compiler makes vector code of this.
  return (unsigned{byte >= 0x20} & unsigned{byte < 0x7f}) | unsigned{byte == '\t'} |
         unsigned{byte == '\n'} | (unsigned{kWithCr} & unsigned{byte == '\r'});
}

template <bool kWithCr>
std::size_t PlainPrefix(std::string_view bytes) {
  constexpr std::size_t kBlock = 32;
  std::size_t length = 0;
  for (; bytes.size() - length >= kBlock; length += kBlock) {
    unsigned others = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      others |= unsigned{!IsPlain<kWithCr>(static_cast<std::uint8_t>(bytes[length + i]))};
    }
    if (others != 0) break;
  }
  while (length < bytes.size() && IsPlain<kWithCr>(static_cast<std::uint8_t>(bytes[length]))) {
    ++length;
  }
  return length;
}

/// Bytes of the UTF-8 character beyond ASCII that `bytes` (not empty) starts with; 0 when it is not
/// well-formed, or is a C1 control.
std::size_t Utf8Length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t lead = at(0);
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

void AppendFieldValue(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) {
    if (byte < ' ' || byte > '~' || byte == ',' || byte == '\\') {
      AppendEscaped(byte, out);
    } else {
      out.push_back(byte);
    }
  }
}

bool IsPrintableText(std::string_view bytes) {
  for (;;) {
    bytes.remove_prefix(PlainPrefix<true>(bytes));
    if (bytes.empty()) return true;
    const bool ascii = static_cast<std::uint8_t>(bytes.front()) < 0x80;
    const std::size_t length = ascii ? 0 : Utf8Length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
}

void AppendForTerminal(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    std::size_t length = PlainPrefix<false>(bytes);
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
