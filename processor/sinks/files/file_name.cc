// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/file_name.h"

#include <limits.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

namespace tlscope {
namespace {

namespace chrono = std::chrono;

/// A conversion of strftime(3) whose result always has the same length, so that the names it makes
/// can be told from others. In `shape` 0 is a digit, a is a letter, others are themselves.
struct Conversion {
  char letter;
  const char* format;
  std::string_view shape;
};
constexpr std::array kConversions{
    Conversion{'Y', "%Y", "0000"},       Conversion{'y', "%y", "00"},
    Conversion{'m', "%m", "00"},         Conversion{'d', "%d", "00"},
    Conversion{'j', "%j", "000"},        Conversion{'H', "%H", "00"},
    Conversion{'M', "%M", "00"},         Conversion{'S', "%S", "00"},
    Conversion{'F', "%F", "0000-00-00"}, Conversion{'T', "%T", "00:00:00"},
    Conversion{'G', "%G", "0000"},       Conversion{'V', "%V", "00"},
    Conversion{'u', "%u", "0"},          Conversion{'a', "%a", "aaa"},
    Conversion{'b', "%b", "aaa"},        Conversion{'s', nullptr, "0000000000"},
};
constexpr char kKnown[] = "%Y %y %m %d %j %H %M %S %F %T %G %V %u %a %b %s and %% are";

// Between a name and its extension: ISO 8601, basic format.
constexpr std::string_view kStampShape = ".00000000T000000.000Z";

const Conversion* Find(char letter) {
  const auto* found = std::find_if(kConversions.begin(), kConversions.end(),
                                   [letter](const Conversion& c) { return c.letter == letter; });
  return found == kConversions.end() ? nullptr : found;
}

bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }
bool IsLetter(char byte) { return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'); }

bool HasStampShape(std::string_view text) {
  return text.size() == kStampShape.size() &&
         std::equal(text.begin(), text.end(), kStampShape.begin(), [](char byte, char shape) {
           return shape == '0' ? IsDigit(byte) : byte == shape;
         });
}

std::tm UtcOf(FileName::TimePoint time) {
  const std::time_t seconds = chrono::system_clock::to_time_t(chrono::floor<chrono::seconds>(time));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

bool TakeSuffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

/// `folder` with its `%%` made `%`.
Result<std::string> LiteralFolder(std::string_view folder) {
  std::string literal;
  for (std::size_t i = 0; i < folder.size(); ++i) {
    literal += folder[i];
    if (folder[i] != '%') continue;
    if (++i < folder.size() && folder[i] == '%') continue;
    return Fail(Errc::kUsage, 0, "name folders by the time: " + std::string(folder),
                "use % only in the last part of the path, or %% for a percent sign");
  }
  return literal;
}

}  // namespace

Result<FileName> FileName::Parse(std::string_view pattern) {
  const std::size_t slash = pattern.rfind('/');
  const bool has_folder = slash != std::string_view::npos;
  TLSCOPE_TRY(auto folder,
              LiteralFolder(has_folder ? pattern.substr(0, std::max<std::size_t>(slash, 1)) : "."));
  FileName name;
  name.folder_ = std::move(folder);
  name.pattern_ = pattern.substr(has_folder ? slash + 1 : 0);
  if (name.pattern_.empty() || name.pattern_ == "." || name.pattern_ == "..") {
    return Fail(Errc::kUsage, 0, "write to " + std::string(pattern), "name a file, not a folder");
  }
  TLSCOPE_TRY(name.AddCells());
  const std::size_t longest = name.cells_.size() + kStampShape.size() + kGzip.size() + kHalf.size();
  if (longest > NAME_MAX) {
    return Fail(Errc::kUsage, 0, "write to " + std::string(pattern),
                "shorten its last part by " + std::to_string(longest - NAME_MAX) + " bytes");
  }
  return name;
}

Result<void> FileName::AddCells() {
  using Byte = Cell::Byte;
  std::size_t dot = 0;
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    if (pattern_[i] == '.') dot = cells_.size();
    if (pattern_[i] != '%') {
      cells_.push_back({Byte::kLiteral, pattern_[i]});
      continue;
    }
    ++i;
    const char letter = i < pattern_.size() ? pattern_[i] : '\0';
    const Conversion* conversion = Find(letter);
    if (letter == '%') {
      cells_.push_back({Byte::kLiteral, '%'});
    } else if (conversion == nullptr) {
      return Fail(Errc::kUsage, 0, "name a file by " + pattern_,
                  "of strftime's conversions " + std::string(kKnown) + " understood");
    } else {
      has_conversions_ = true;
      for (const char shape : conversion->shape) {
        const Byte byte = shape == '0'   ? Byte::kDigit
                          : shape == 'a' ? Byte::kLetter
                                         : Byte::kLiteral;
        cells_.push_back({byte, shape});
      }
    }
  }
  extension_bytes_ = dot == 0 ? 0 : cells_.size() - dot;  // a dot in front hides the file
  return {};
}

std::string FileName::At(TimePoint time) const {
  const std::tm parts = UtcOf(time);
  std::string name;
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    if (pattern_[i] != '%') {
      name += pattern_[i];
      continue;
    }
    const char letter = pattern_[++i];
    if (letter == '%') {
      name += '%';
    } else if (letter == 's') {
      // strftime takes the time for local time here.
      name += std::to_string(chrono::floor<chrono::seconds>(time.time_since_epoch()).count());
    } else {
      std::array<char, 32> text;
      name.append(text.data(),
                  std::strftime(text.data(), text.size(), Find(letter)->format, &parts));
    }
  }
  return name;
}

std::string FileName::Rotated(std::string_view name, TimePoint time) const {
  const std::tm parts = UtcOf(time);
  const auto second = chrono::floor<chrono::seconds>(time);
  const auto milliseconds = chrono::floor<chrono::milliseconds>(time - second).count();
  std::array<char, 32> stamp;
  const std::size_t seconds_bytes =
      std::strftime(stamp.data(), stamp.size(), ".%Y%m%dT%H%M%S", &parts);
  std::array<char, 8> fraction;
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(milliseconds % 1000));
  const std::size_t base = name.size() - std::min(name.size(), extension_bytes_);
  std::string rotated(name.substr(0, base));
  rotated.append(stamp.data(), seconds_bytes).append(fraction.data()).append(name.substr(base));
  return rotated;
}

std::optional<FileName::Kind> FileName::Recognize(std::string_view name) const {
  const bool half = TakeSuffix(name, kHalf);
  const bool gzip = TakeSuffix(name, kGzip);
  if (half && !gzip) return std::nullopt;
  std::string plain(name);
  const std::size_t stamp_at = cells_.size() - extension_bytes_;
  const bool stamped = plain.size() == cells_.size() + kStampShape.size() &&
                       HasStampShape(name.substr(stamp_at, kStampShape.size()));
  if (stamped) plain.erase(stamp_at, kStampShape.size());
  const bool fits = std::equal(plain.begin(), plain.end(), cells_.begin(), cells_.end(),
                               [](char byte, const Cell& cell) { return cell.Takes(byte); });
  if (!fits) return std::nullopt;
  // Without a stamp or a time in it, a compressed file is not one that this output has made.
  if (gzip && !stamped && !has_conversions_) return std::nullopt;
  if (half) return Kind::kHalfGzip;
  if (gzip) return Kind::kGzip;
  return stamped ? Kind::kStamped : Kind::kPlain;
}

bool FileName::Cell::Takes(char byte) const {
  if (type == Byte::kDigit) return IsDigit(byte);
  if (type == Byte::kLetter) return IsLetter(byte);
  return byte == literal;
}

}  // namespace tlscope
