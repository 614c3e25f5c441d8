// SPDX-License-Identifier: Apache-2.0
#include "processor/text/utc_time.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace tlscope {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::int64_t kLastSecond = 253'402'300'799;  // 9999-12-31T23:59:59Z

/// The last `digits` decimal digits of `value`.
void PutDigits(char* at, std::size_t digits, std::uint64_t value) {
  for (; digits > 0; --digits, value /= 10) at[digits - 1] = static_cast<char>('0' + value % 10);
}

void PutSecond(std::int64_t second, std::array<char, 20>& text) {
  namespace chrono = std::chrono;
  const chrono::sys_seconds point{chrono::seconds{second}};
  const auto day = chrono::floor<chrono::days>(point);
  const chrono::year_month_day date{day};
  const chrono::hh_mm_ss<chrono::seconds> time{point - day};
  constexpr std::string_view kLayout = "0000-00-00T00:00:00.";
  std::copy(kLayout.begin(), kLayout.end(), text.begin());
  PutDigits(&text[0], 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  PutDigits(&text[5], 2, static_cast<unsigned>(date.month()));
  PutDigits(&text[8], 2, static_cast<unsigned>(date.day()));
  PutDigits(&text[11], 2, static_cast<std::uint64_t>(time.hours().count()));
  PutDigits(&text[14], 2, static_cast<std::uint64_t>(time.minutes().count()));
  PutDigits(&text[17], 2, static_cast<std::uint64_t>(time.seconds().count()));
}

}  // namespace

void UtcTime::Append(std::uint64_t ktime_ns, std::string& out) {
  // Unsigned, so that a hostile time wraps instead of overflowing.
  const auto utc_ns =
      static_cast<std::int64_t>(ktime_ns + static_cast<std::uint64_t>(realtime_offset_ns_));
  const std::int64_t inside_ns = std::max<std::int64_t>(utc_ns, 0);
  static_assert(INT64_MAX / kNanosecondsPerSecond < kLastSecond, "no time is past the year 9999");
  const std::int64_t second = inside_ns / kNanosecondsPerSecond;
  if (second != cached_second_) {
    PutSecond(second, cached_text_);
    cached_second_ = second;
  }
  std::array<char, 27> text;
  std::copy(cached_text_.begin(), cached_text_.end(), text.begin());
  PutDigits(&text[20], 6, static_cast<std::uint64_t>(inside_ns % kNanosecondsPerSecond / 1000));
  text[26] = 'Z';
  out.append(text.data(), text.size());
}

void AppendWallTime(std::int64_t unix_ns, std::string& out) {
  UtcTime(0).Append(static_cast<std::uint64_t>(std::max<std::int64_t>(unix_ns, 0)), out);
}

}  // namespace tlscope
