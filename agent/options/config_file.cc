// SPDX-License-Identifier: Apache-2.0
#include "agent/options/config_file.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <utility>

namespace tlscope {
namespace {

// Far beyond any sensible file: it stops whoever names a device or a log by mistake.
constexpr std::size_t kMaxBytes = 1 << 20;

constexpr std::string_view kTable = "capture";

bool IsQuote(char byte) { return byte == '"' || byte == '\''; }

/// Where the string that begins at `at` ends, its quotes included: at the end of the line or of the
/// text if it is not closed.
std::size_t EndOfString(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const std::string triple(3, quote);
  const bool multiline = text.substr(at).starts_with(triple);
  const std::string_view closing = multiline ? std::string_view(triple) : text.substr(at, 1);
  for (at += closing.size(); at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"')
      ++at;
    else if (text[at] == '\n' && !multiline)
      return at;
    else if (text.substr(at).starts_with(closing))
      return at + closing.size();
  }
  return text.size();
}

/// Whether TOML reads the word as a value that an option can take.
bool IsTomlValue(std::string_view word) {
  const toml::parse_result parsed = toml::parse("value = " + std::string(word));
  if (!parsed) return false;
  const toml::node* const value = parsed.table().get("value");
  return value->is_integer() || value->is_boolean();
}

/// Puts quotes around values that TOML does not take without them, as in `tsize = 64KiB`, and
/// remembers where, so that places in the quoted text can be told as those of the file.
class BareWords {
 public:
  explicit BareWords(std::string_view text) : text_(text) {
    while (at_ < text_.size()) Step();
  }

  const std::string& quoted() const { return quoted_; }

  /// The column of the file for one of the quoted text, both in characters.
  std::uint32_t ColumnOf(toml::source_position place) const {
    std::size_t line_start = 0;
    for (std::uint32_t line = 1; line < place.line; ++line)
      line_start = std::min(quoted_.find('\n', line_start), quoted_.size() - 1) + 1;
    std::size_t at = line_start;
    for (std::uint32_t column = 1; column < place.column && at < quoted_.size(); ++column) {
      ++at;
      while (at < quoted_.size() && IsContinuation(quoted_[at])) ++at;
    }
    const auto added = std::lower_bound(added_.begin(), added_.end(), at) -
                       std::lower_bound(added_.begin(), added_.end(), line_start);
    return place.column - static_cast<std::uint32_t>(added);
  }

 private:
  static bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) >> 6) == 2; }

  void CopyTo(std::size_t end) {
    quoted_ += text_.substr(at_, end - at_);
    at_ = end;
  }

  void Step() {
    constexpr std::string_view kDelimiters = " \t\r\n,#[]\"'";
    const char byte = text_[at_];
    if (byte == '#') return CopyTo(std::min(text_.find('\n', at_), text_.size()));
    if (IsQuote(byte)) return CopyTo(EndOfString(text_, at_));
    const bool delimiter = kDelimiters.find(byte) != std::string_view::npos;
    if (in_value_ && !delimiter)
      return TakeWord(std::min(text_.find_first_of(kDelimiters, at_), text_.size()));
    if (byte == '\n' && lists_ == 0) in_value_ = false;
    if (byte == '=') in_value_ = true;
    if (in_value_ && byte == '[') ++lists_;
    if (in_value_ && byte == ']' && lists_ != 0) --lists_;
    CopyTo(at_ + 1);
  }

  void TakeWord(std::size_t end) {
    if (IsTomlValue(text_.substr(at_, end - at_))) return CopyTo(end);
    AddQuote();
    CopyTo(end);
    AddQuote();
  }

  void AddQuote() {
    added_.push_back(quoted_.size());
    quoted_ += '\'';
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string quoted_;
  std::vector<std::size_t> added_;  // where in quoted_, ascending
  std::size_t lists_ = 0;           // open ones
  bool in_value_ = false;           // behind the = of a line, or in a list over several
};

class ConfigReader {
 public:
  ConfigReader(std::string_view text, const std::string& path) : words_(text), path_(path) {}

  Result<std::vector<ConfigEntry>> Read() {
    const toml::parse_result parsed = toml::parse(words_.quoted());
    if (!parsed) return Refuse(parsed.error());
    for (const auto& [key, value] : parsed.table()) {
      const toml::table* const table = value.as_table();
      if (table != nullptr && key.str() == kTable) {
        for (const auto& [inner_key, inner_value] : *table)
          TLSCOPE_TRY(AddEntry(inner_key, inner_value));
      } else {
        TLSCOPE_TRY(AddEntry(key, value));
      }
    }
    std::ranges::sort(entries_, {},
                      [](const ConfigEntry& one) { return std::pair(one.line, one.column); });
    TLSCOPE_TRY(CheckUnique());
    return std::move(entries_);
  }

 private:
  tl::unexpected<Error> FailAt(toml::source_position place, const std::string& what,
                               std::string remedy) const {
    return Fail(Errc::kUsage, 0,
                "read " + path_ + ":" + std::to_string(place.line) + ":" +
                    std::to_string(words_.ColumnOf(place)) + ": " + what,
                std::move(remedy));
  }

  tl::unexpected<Error> Refuse(const toml::parse_error& error) const {
    constexpr std::string_view kPrefix = "Error while parsing ";
    std::string what(error.description());
    if (what.starts_with(kPrefix)) what.replace(0, kPrefix.size(), "in the ");
    const toml::source_position place = error.source().begin;
    const auto says = [&](std::string_view part) { return what.find(part) != std::string::npos; };
    if (says("cannot redefine"))
      return FailAt(place, what, "give each key once, several values as a list: [1, 2]");
    if (says("expected a comment or whitespace"))
      return FailAt(place, "expected the end of the line after the value",
                    "quote strings that contain spaces");
    if (says("control characters other than TAB"))
      return FailAt(
          place, "a quote is not closed, or the string has a control character",
          "close quotes on their line; write control characters as escapes: \\n, \\u0001");
    return FailAt(place, what,
                  "write `key = value` on each line, text in \"quotes\", several values as a list: "
                  "[1, 2]");
  }

  Result<void> AddEntry(const toml::key& key, const toml::node& value) {
    const toml::source_position place = key.source().begin;
    ConfigEntry entry{std::string(key.str()), {}, place.line, words_.ColumnOf(place)};
    const toml::array* const list = value.as_array();
    if (value.is_table() || value.is_array_of_tables())
      return FailAt(place, "unknown table '" + entry.key + "'", "only [capture] is allowed");
    if (list == nullptr) {
      TLSCOPE_TRY(AddValue(value, entry));
    } else {
      for (const toml::node& element : *list) TLSCOPE_TRY(AddValue(element, entry));
    }
    if (entry.values.empty())
      return FailAt(place, "'" + entry.key + "' has no value", "leave out the key");
    entries_.push_back(std::move(entry));
    return {};
  }

  Result<void> AddValue(const toml::node& value, ConfigEntry& entry) const {
    const toml::source_position place = value.source().begin;
    if (const auto text = value.value_exact<std::string>()) {
      // The options' values end at the first NUL.
      if (text->find('\0') != std::string::npos)
        return FailAt(place, "the string has a NUL character", "leave it out");
      entry.values.push_back(*text);
    } else if (const auto number = value.value_exact<std::int64_t>()) {
      entry.values.push_back(std::to_string(*number));
    } else if (const auto flag = value.value_exact<bool>()) {
      entry.values.emplace_back(*flag ? "true" : "false");
    } else {
      return FailAt(place, "a value of '" + entry.key + "' is a list or a table",
                    "write strings, numbers, true or false");
    }
    return {};
  }

  /// A key at the top and one in [capture] are the same, which TOML does not know.
  Result<void> CheckUnique() const {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      const auto first = std::find_if(
          entries_.begin(), entry, [&](const ConfigEntry& one) { return one.key == entry->key; });
      if (first != entry)
        return Fail(Errc::kUsage, 0,
                    "read " + PlaceOf(*entry, path_) + ": '" + entry->key + "' is at " +
                        PlaceOf(*first, path_) + ", too",
                    "give each key once, several values as a list: [1, 2]");
    }
    return {};
  }

  const BareWords words_;
  const std::string& path_;
  std::vector<ConfigEntry> entries_;
};

}  // namespace

Result<std::vector<ConfigEntry>> ReadConfig(std::string_view text, const std::string& path) {
  return ConfigReader(text, path).Read();
}

Result<std::vector<ConfigEntry>> ReadConfigFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const int error = errno;
  if (!file)
    return Fail(error == ENOENT ? Errc::kNotFound : Errc::kSystem, error,
                "read the configuration file " + path, "name a readable file with --config");
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof()))
    return Fail(Errc::kSystem, EIO, "read the configuration file " + path,
                "name a readable file with --config");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxBytes)
    return Fail(Errc::kUsage, 0, "read the configuration file " + path,
                "it is larger than 1 MiB: name a configuration file with --config");
  return ReadConfig(text, path);
}

std::string PlaceOf(const ConfigEntry& entry, const std::string& path) {
  return path + ":" + std::to_string(entry.line) + ":" + std::to_string(entry.column);
}

}  // namespace tlscope
