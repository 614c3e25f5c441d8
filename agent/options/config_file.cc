// SPDX-License-Identifier: Apache-2.0
#include "agent/options/config_file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace tlscope {
namespace {

// Far beyond any sensible file: who names a device or a log by mistake is told so.
constexpr std::size_t kMaxBytes = 1 << 20;

constexpr std::string_view kTable = "capture";

bool IsKeyByte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

class ConfigReader {
 public:
  explicit ConfigReader(std::string_view text) : text_(text) {}

  Result<std::vector<ConfigEntry>> Read() {
    while (SkipToContent()) {
      const bool read = Peek() == '[' ? ReadTable() : ReadEntry();
      if (!read || !EndLine())
        return Fail(Errc::kUsage, 0, "read line " + std::to_string(line_), wrong_);
    }
    return std::move(entries_);
  }

 private:
  bool over() const { return at_ == text_.size(); }
  char Peek() const { return over() ? '\n' : text_[at_]; }

  bool Wrong(std::string what) {
    wrong_ = std::move(what);
    return false;
  }

  void SkipBlanks() {
    while (!over() && (Peek() == ' ' || Peek() == '\t' || Peek() == '\r')) ++at_;
  }

  void SkipComment() {
    if (Peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
  }

  // Over blanks, comments and ends of lines. False at the end of the text.
  bool SkipToContent() {
    while (true) {
      SkipBlanks();
      SkipComment();
      if (over()) return false;
      if (Peek() != '\n') return true;
      ++at_;
      ++line_;
    }
  }

  bool EndLine() {
    SkipBlanks();
    SkipComment();
    if (Peek() == '\n') return true;
    return Wrong("one `key = value` belongs on a line, and text with blanks between quotes");
  }

  bool ReadTable() {
    const std::size_t end = text_.find_first_of("]\n", at_);
    const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    if (end == std::string_view::npos || text_[end] != ']' || name != kTable)
      return Wrong("the only table there is is [capture]");
    at_ = end + 1;
    return true;
  }

  bool ReadEntry() {
    ConfigEntry entry;
    entry.line = line_;
    while (IsKeyByte(Peek())) entry.key += text_[at_++];
    SkipBlanks();
    if (entry.key.empty() || Peek() != '=') return Wrong("a line is `key = value`");
    ++at_;
    SkipBlanks();
    if (!(Peek() == '[' ? ReadList(entry) : ReadValue(entry))) return false;
    const auto same = std::find_if(entries_.begin(), entries_.end(),
                                   [&](const ConfigEntry& one) { return one.key == entry.key; });
    if (same != entries_.end())
      return Wrong("'" + entry.key + "' was given in line " + std::to_string(same->line) +
                   ", too: write several values as a list, [1, 2]");
    entries_.push_back(std::move(entry));
    return true;
  }

  bool ReadList(ConfigEntry& entry) {
    ++at_;
    while (SkipToContent() && Peek() != ']') {
      if (!ReadValue(entry) || !SkipToContent()) break;
      if (Peek() == ',')
        ++at_;
      else if (Peek() != ']')
        break;
    }
    if (!wrong_.empty()) return false;
    if (Peek() != ']') return Wrong("a list is [value, value]");
    ++at_;
    if (entry.values.empty()) return Wrong("leave out a key that has no value");
    return true;
  }

  bool ReadValue(ConfigEntry& entry) {
    const std::size_t start = at_;
    if (Peek() == '"' || Peek() == '\'') return ReadString(entry);
    while (!over() && std::string_view(" \t\r\n,#[]\"'").find(Peek()) == std::string_view::npos)
      ++at_;
    if (at_ == start) return Wrong("a value is missing");
    entry.values.emplace_back(text_.substr(start, at_ - start));
    return true;
  }

  bool ReadString(ConfigEntry& entry) {
    const char quote = text_[at_++];
    std::string value;
    while (!over() && Peek() != quote && Peek() != '\n') {
      char byte = text_[at_++];
      if (byte == '\\' && quote == '"') {
        const auto escaped = over() ? std::nullopt : Escaped(text_[at_++]);
        if (!escaped) return Wrong("of escapes \\\\, \\\", \\n and \\t are known; '...' has none");
        byte = *escaped;
      }
      value += byte;
    }
    if (Peek() != quote) return Wrong("a quote is not closed");
    ++at_;
    entry.values.push_back(std::move(value));
    return true;
  }

  static std::optional<char> Escaped(char letter) {
    switch (letter) {
      case '\\':
      case '"':
        return letter;
      case 'n':
        return '\n';
      case 't':
        return '\t';
      default:
        return std::nullopt;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::string wrong_;
  std::vector<ConfigEntry> entries_;
};

}  // namespace

Result<std::vector<ConfigEntry>> ReadConfig(std::string_view text) {
  return ConfigReader(text).Read();
}

Result<std::vector<ConfigEntry>> ReadConfigFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const int error = errno;
  if (!file)
    return Fail(error == ENOENT ? Errc::kNotFound : Errc::kSystem, error,
                "read the configuration file " + path, "--config names it");
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof()))
    return Fail(Errc::kSystem, EIO, "read the configuration file " + path, "--config names it");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxBytes)
    return Fail(Errc::kUsage, 0, "read the configuration file " + path,
                "it is larger than 1 MiB, and so something else");
  auto entries = ReadConfig(text);
  if (!entries) entries.error().what += " of " + path;
  return entries;
}

}  // namespace tlscope
