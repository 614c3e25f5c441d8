// SPDX-License-Identifier: Apache-2.0
#include "processor/text/json_string.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "processor/text/base64.h"
#include "processor/text/hex_digits.h"
#include "processor/text/utf8.h"

namespace tlscope {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// What stands for itself in a string and is one byte long.
constexpr bool IsPlain(std::uint8_t byte) {
  // No short circuits: the compiler makes vector code of this.
  return unsigned{byte >= 0x20} & unsigned{byte < 0x7f} & unsigned{byte != '"'} &
         unsigned{byte != '\\'};
}

constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned byte = 0; byte < plain.size(); ++byte) {
    plain[byte] = IsPlain(static_cast<std::uint8_t>(byte));
  }
  return plain;
}();

constexpr std::size_t kBlockBytes = 32;

/// How many bytes at the front, in whole blocks, stand for themselves.
std::size_t PlainBlocks(std::string_view bytes) {
  std::size_t length = 0;
  for (; bytes.size() - length >= kBlockBytes; length += kBlockBytes) {
    unsigned others = 0;
    for (std::size_t i = 0; i < kBlockBytes; ++i) {
      others |= unsigned{!IsPlain(static_cast<std::uint8_t>(bytes[length + i]))};
    }
    if (others != 0) break;
  }
  return length;
}

char* Put(std::string_view bytes, char* to) { return std::copy(bytes.begin(), bytes.end(), to); }

/// Of a character of at most three bytes.
std::uint16_t CodeOf(std::string_view character) {
  std::uint32_t code = static_cast<std::uint8_t>(character[0]);
  if (character.size() > 1) code &= 0x7fU >> character.size();
  for (const char byte : character.substr(1)) {
    code = code << 6 | (static_cast<std::uint8_t>(byte) & 0x3fU);
  }
  return static_cast<std::uint16_t>(code);
}

/// RFC 8259 7.
char* PutEscape(std::uint16_t code, char* to) {
  *to++ = '\\';
  switch (code) {
    case '"':
    case '\\':
      *to++ = static_cast<char>(code);
      return to;
    case '\n':
      *to++ = 'n';
      return to;
    case '\r':
      *to++ = 'r';
      return to;
    case '\t':
      *to++ = 't';
      return to;
    default:
      *to++ = 'u';
      for (const int shift : {12, 8, 4, 0}) *to++ = kHexDigits[code >> shift & 15];
      return to;
  }
}

constexpr std::size_t kLongestEscape = 6;

enum class NotUtf8 : std::uint8_t { kReplace, kGiveUp };

constexpr std::size_t kGaveUp = 0;

/// Appends about a block of `text`, which is not empty, byte by byte. How many bytes of it; kGaveUp
/// where it is not UTF-8 and the policy says so.
std::size_t AppendBlock(std::string_view text, NotUtf8 policy, std::string& out) {
  std::array<char, kLongestEscape * kBlockBytes> buffer;  // no character grows by more
  char* to = buffer.data();
  const std::size_t end = std::min(kBlockBytes, text.size());
  std::size_t at = 0;
  while (at < end) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (kPlain[byte]) {
      *to++ = text[at++];
      continue;
    }
    const std::string_view rest = text.substr(at);
    const std::size_t length = byte < 0x80 ? 1 : Utf8CharacterBytes(rest);
    if (length == 0) {
      if (policy == NotUtf8::kGiveUp) return kGaveUp;
      to = Put(kReplacement, to);
    } else if (byte < 0x80 || ActsOnTerminal(rest)) {
      to = PutEscape(CodeOf(rest.substr(0, length)), to);
    } else {
      to = Put(rest.substr(0, length), to);
    }
    at += std::max<std::size_t>(length, 1);
  }
  out.append(buffer.data(), to);
  return at;
}

/// Appends what is between the quotes. False when it gave up; part of it is appended then.
bool AppendContent(std::string_view text, NotUtf8 policy, std::string& out) {
  while (!text.empty()) {
    const std::size_t plain = PlainBlocks(text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::size_t appended = AppendBlock(text, policy, out);
    if (appended == kGaveUp) return false;
    text.remove_prefix(appended);
  }
  return true;
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out.push_back('"');
  AppendContent(text, NotUtf8::kReplace, out);
  out.push_back('"');
}

void AppendJsonBytes(std::string_view name, std::string_view bytes, std::string& out) {
  if (bytes.empty()) return;
  out += ",\"";
  out += name;
  const std::size_t name_end = out.size();
  out += "\":\"";
  if (!AppendContent(bytes, NotUtf8::kGiveUp, out)) {
    out.resize(name_end);
    out += "_base64\":\"";
    AppendBase64(bytes, out);
  }
  out.push_back('"');
}

}  // namespace tlscope
