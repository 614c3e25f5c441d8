// SPDX-License-Identifier: Apache-2.0
#include "agent/client/time_argument.h"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace tlscope {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

// Beyond it nanoseconds do not fit in 64 bits any more.
constexpr std::int64_t kMaxSeconds = 9'223'372'036;

/// Takes exactly `digits` digits off `text`.
std::optional<int> TakeDigits(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return {};
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return {};
    value = 10 * value + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool Take(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// `.5`, if there is one, in nanoseconds; digits beyond those are cut off.
std::optional<std::int64_t> TakeFraction(std::string_view& text) {
  if (!Take(text, ".")) return 0;
  std::int64_t ns = 0;
  std::int64_t unit = kSecondNs;
  bool any = false;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    unit /= 10;
    ns += unit * (text.front() - '0');
    any = true;
  }
  if (!any) return {};
  return ns;
}

/// A whole number that is no more than `most`.
std::optional<std::int64_t> TakeNumber(std::string_view& text, std::int64_t most) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || value < 0 || value > most) return {};
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return value;
}

std::optional<std::int64_t> ParseUnix(std::string_view text) {
  const auto seconds = TakeNumber(text, kMaxSeconds - 1);
  if (!seconds) return {};
  const auto fraction = TakeFraction(text);
  if (!fraction || !text.empty()) return {};
  return *seconds * kSecondNs + *fraction;
}

std::optional<std::int64_t> ParseRelative(std::string_view text, std::int64_t now_unix_ns) {
  const bool ago = text.front() == '-';
  text.remove_prefix(1);
  const auto number = TakeNumber(text, kMaxSeconds);
  if (!number) return {};
  using Unit = std::pair<std::string_view, std::int64_t>;
  constexpr std::array<Unit, 5> kUnits = {{{"ms", kSecondNs / 1000},
                                           {"s", kSecondNs},
                                           {"m", 60 * kSecondNs},
                                           {"h", 3600 * kSecondNs},
                                           {"d", 86400 * kSecondNs}}};
  for (const auto& [name, unit_ns] : kUnits) {
    if (text != name) continue;
    std::int64_t distance = 0;
    std::int64_t time = 0;
    if (__builtin_mul_overflow(*number, unit_ns, &distance) ||
        __builtin_add_overflow(now_unix_ns, ago ? -distance : distance, &time) || time < 0) {
      return {};
    }
    return time;
  }
  return {};
}

/// Minutes that `Z` or `+01:00` at the end of a time is east of UTC.
std::optional<int> ParseZone(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  const bool west = text.starts_with('-');
  if (!Take(text, "+-")) return {};
  const auto hours = TakeDigits(text, 2);
  if (!hours || !Take(text, ":")) return {};
  const auto minutes = TakeDigits(text, 2);
  if (!minutes || !text.empty() || *hours > 23 || *minutes > 59) return {};
  return (west ? -1 : 1) * (60 * *hours + *minutes);
}

std::optional<std::chrono::sys_days> TakeDate(std::string_view& text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !Take(text, "-")) return {};
  const auto month = TakeDigits(text, 2);
  if (!month || !Take(text, "-")) return {};
  const auto day = TakeDigits(text, 2);
  if (!day) return {};
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return {};
  return std::chrono::sys_days(date);
}

// RFC 3339 5.6; its 5.6 note lets a space stand for the T.
std::optional<std::int64_t> ParseRfc3339(std::string_view text) {
  const auto date = TakeDate(text);
  if (!date || !Take(text, "Tt ")) return {};
  const auto hour = TakeDigits(text, 2);
  if (!hour || !Take(text, ":")) return {};
  const auto minute = TakeDigits(text, 2);
  if (!minute || !Take(text, ":")) return {};
  const auto second = TakeDigits(text, 2);
  // Leap seconds have a 60.
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return {};
  const auto fraction = TakeFraction(text);
  if (!fraction) return {};
  const auto zone = ParseZone(text);
  if (!zone) return {};
  const std::int64_t days = date->time_since_epoch().count();
  const std::int64_t seconds =
      days * 86400 + *hour * std::int64_t{3600} + (*minute - *zone) * std::int64_t{60} + *second;
  if (seconds < 0 || seconds >= kMaxSeconds) return {};
  return seconds * kSecondNs + *fraction;
}

}  // namespace

std::optional<std::int64_t> ParseTime(std::string_view text, std::int64_t now_unix_ns) {
  if (text.starts_with('@')) return ParseUnix(text.substr(1));
  if (text.starts_with('-') || text.starts_with('+')) return ParseRelative(text, now_unix_ns);
  return ParseRfc3339(text);
}

}  // namespace tlscope
