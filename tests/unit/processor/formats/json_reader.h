// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "processor/text/utf8.h"

namespace tlscope::testing {

/// Reads one object of JSON as RFC 8259 has it and no more: no white space, no name twice, UTF-8,
/// only numbers that are integers from 0 on. Keeps strings as what they say, all else as it is
/// written.
class JsonReader {
 public:
  using Object = std::map<std::string, std::string, std::less<>>;

  /// Nothing when `text` is anything else.
  static std::optional<Object> Read(std::string_view text) {
    JsonReader reader(text);
    Object object;
    if (!IsUtf8(text) || !reader.ReadObject(&object) || !reader.text_.empty()) return std::nullopt;
    return object;
  }

 private:
  explicit JsonReader(std::string_view text) : text_(text) {}

  bool Take(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }

  bool ReadObject(Object* object) {
    Object members;
    if (!Take("{")) return false;
    do {
      std::string name;
      if (!ReadString(name) || !Take(":")) return false;
      const bool is_string = text_.starts_with('"');
      const std::string_view before = text_;
      std::string value;
      if (!(is_string ? ReadString(value) : ReadOther())) return false;
      if (!is_string) value = before.substr(0, before.size() - text_.size());
      if (!members.emplace(name, value).second) return false;
    } while (Take(","));
    if (object != nullptr) *object = std::move(members);
    return Take("}");
  }

  bool ReadOther() {
    if (text_.starts_with('{')) return ReadObject(nullptr);
    if (text_.starts_with('[')) return ReadArray();
    return Take("true") || ReadNumber();
  }

  bool ReadArray() {
    if (!Take("[")) return false;
    do {
      std::string ignored;
      if (!(text_.starts_with('"') ? ReadString(ignored) : ReadOther())) return false;
    } while (Take(","));
    return Take("]");
  }

  bool ReadNumber() {
    const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
    if (digits == 0 || (digits > 1 && text_[0] == '0')) return false;
    text_.remove_prefix(digits);
    return true;
  }

  bool ReadString(std::string& value) {
    if (!Take("\"")) return false;
    while (!text_.empty() && text_[0] != '"') {
      if (static_cast<std::uint8_t>(text_[0]) < 0x20) return false;
      if (text_[0] == '\\') {
        if (!ReadEscape(value)) return false;
      } else {
        value.push_back(text_[0]);
        text_.remove_prefix(1);
      }
    }
    return Take("\"");
  }

  bool ReadEscape(std::string& value) {
    text_.remove_prefix(1);
    if (text_.empty()) return false;
    const char letter = text_[0];
    text_.remove_prefix(1);
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const std::size_t at = kLetters.find(letter);
    if (at != std::string_view::npos) {
      value.push_back(kMeant[at]);
      return true;
    }
    return letter == 'u' && ReadCode(value);
  }

  /// No pairs of surrogates: what is beyond them need not be escaped.
  bool ReadCode(std::string& value) {
    unsigned code = 0;
    for (int i = 0; i < 4; ++i) {
      const std::size_t digit = text_.empty() ? std::string_view::npos
                                              : std::string_view("0123456789abcdef").find(text_[0]);
      if (digit == std::string_view::npos) return false;
      code = code << 4 | static_cast<unsigned>(digit);
      text_.remove_prefix(1);
    }
    if (code >= 0xd800 && code < 0xe000) return false;
    if (code >= 0x800) value.push_back(static_cast<char>(0xe0 | code >> 12));
    if (code >= 0x800) value.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    if (code >= 0x80 && code < 0x800) value.push_back(static_cast<char>(0xc0 | code >> 6));
    value.push_back(static_cast<char>(code >= 0x80 ? 0x80 | (code & 0x3f) : code));
    return true;
  }

  std::string_view text_;
};

}  // namespace tlscope::testing
