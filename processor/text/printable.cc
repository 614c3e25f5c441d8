// SPDX-License-Identifier: Apache-2.0
#include "processor/text/printable.h"

#include <cstddef>
#include <cstdint>

#include "processor/text/hex_digits.h"
#include "processor/text/utf8.h"

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
/// well-formed, or is a C1 control (U+0080 to U+009F).
std::size_t Utf8Length(std::string_view bytes) {
  const std::size_t length = Utf8CharacterBytes(bytes);
  return length == 2 && ActsOnTerminal(bytes) ? 0 : length;
}

/// The same; 0, too, when it acts on a terminal in any other way.
std::size_t HarmlessLength(std::string_view bytes) {
  const std::size_t length = Utf8CharacterBytes(bytes);
  return length != 0 && ActsOnTerminal(bytes) ? 0 : length;
}

}  // namespace

void AppendEscaped(char byte, std::string& out) {
  const auto value = static_cast<std::uint8_t>(byte);
  out += {'\\', 'x', kHexDigits[value >> 4], kHexDigits[value & 15]};
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

std::string FieldValue(std::string_view bytes) {
  std::string value;
  AppendFieldValue(bytes, value);
  return value;
}

std::string PrintableAscii(std::string_view bytes) {
  std::string printable(bytes);
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  return printable;
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
      length = ascii ? (bytes.substr(0, 2) == "\r\n" ? 1 : 0) : HarmlessLength(bytes);
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
