// SPDX-License-Identifier: Apache-2.0
#include "agent/client/time_argument.h"

#include <gtest/gtest.h>

namespace tlscope {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'795'251'252 * kSecond;  // 2026-11-21T08:54:12Z

TEST(TimeArgumentTest, ReadsRfc3339) {
  EXPECT_EQ(ParseTime("2026-11-21T08:54:12Z", 0), kNow);
  EXPECT_EQ(ParseTime("2026-11-21t08:54:12z", 0), kNow);
  EXPECT_EQ(ParseTime("2026-11-21 08:54:12Z", 0), kNow);
  EXPECT_EQ(ParseTime("2026-11-21T08:54:12.5Z", 0), kNow + kSecond / 2);
  EXPECT_EQ(ParseTime("2026-11-21T08:54:12.0000000019Z", 0), kNow + 1);
  EXPECT_EQ(ParseTime("2026-11-21T09:54:12+01:00", 0), kNow);
  EXPECT_EQ(ParseTime("2026-11-21T03:24:12-05:30", 0), kNow);
  EXPECT_EQ(ParseTime("1970-01-01T00:00:00Z", 0), 0);
  EXPECT_EQ(ParseTime("2024-02-29T00:00:00Z", 0), 1'709'164'800 * kSecond);
}

TEST(TimeArgumentTest, ReadsSecondsSince1970) {
  EXPECT_EQ(ParseTime("@0", 0), 0);
  EXPECT_EQ(ParseTime("@1795251252", 0), kNow);
  EXPECT_EQ(ParseTime("@1795251252.000000001", 0), kNow + 1);
}

TEST(TimeArgumentTest, ReadsTimesFromNowOn) {
  EXPECT_EQ(ParseTime("-500ms", kNow), kNow - kSecond / 2);
  EXPECT_EQ(ParseTime("-5s", kNow), kNow - 5 * kSecond);
  EXPECT_EQ(ParseTime("-5m", kNow), kNow - 300 * kSecond);
  EXPECT_EQ(ParseTime("+2h", kNow), kNow + 7200 * kSecond);
  EXPECT_EQ(ParseTime("-1d", kNow), kNow - 86400 * kSecond);
}

TEST(TimeArgumentTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           "now",
                           "5m",
                           "-",
                           "-m",
                           "-5",
                           "-5x",
                           "--5m",
                           "-5m ",
                           "-5 m",
                           "@",
                           "@-1",
                           "@1.",
                           "@1x",
                           "@99999999999",
                           "-300000d",
                           "+300000d",
                           "2026-11-21",
                           "2026-11-21T08:54:12",
                           "2026-11-21T08:54Z",
                           "2026-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-11-21T24:00:00Z",
                           "2026-11-21T08:60:00Z",
                           "2026-11-21T08:54:12.Z",
                           "2026-11-21T08:54:12+1:00",
                           "2026-11-21T08:54:12Zx",
                           "1969-12-31T23:59:59Z",
                           "9999-01-01T00:00:00Z"}) {
    EXPECT_EQ(ParseTime(text, kNow), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tlscope
