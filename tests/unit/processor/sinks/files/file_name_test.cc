// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/file_name.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

namespace tlscope {
namespace {

using std::chrono::milliseconds;
using std::chrono::sys_days;

/// 2026-11-21T18:58:13.007Z, a Saturday.
FileName::TimePoint Moment() {
  using namespace std::chrono_literals;
  return sys_days(std::chrono::year(2026) / 11 / 21) + 18h + 58min + 13s + 7ms;
}

FileName Parsed(const std::string& pattern) {
  auto name = FileName::Parse(pattern);
  EXPECT_TRUE(name) << name.error().Describe();
  return std::move(*name);
}

TEST(FileNameTest, LeavesANameWithoutPatternAsItIs) {
  const FileName name = Parsed("/var/log/tlscope/events.jsonl");
  EXPECT_EQ(name.folder(), "/var/log/tlscope");
  EXPECT_EQ(name.At(Moment()), "events.jsonl");
}

TEST(FileNameTest, FindsTheFolderOfShortPaths) {
  EXPECT_EQ(Parsed("events.jsonl").folder(), ".");
  EXPECT_EQ(Parsed("/events.jsonl").folder(), "/");
  EXPECT_EQ(Parsed("a//events.jsonl").folder(), "a/");
}

TEST(FileNameTest, ExpandsEveryConversionItKnows) {
  EXPECT_EQ(Parsed("%Y %y %m %d %j").At(Moment()), "2026 26 11 21 325");
  EXPECT_EQ(Parsed("%H %M %S %F %T").At(Moment()), "18 58 13 2026-11-21 18:58:13");
  EXPECT_EQ(Parsed("%G %V %u %a %b").At(Moment()), "2026 47 6 Sat Nov");
  EXPECT_EQ(Parsed("%s 100%%").At(Moment()), "1795287493 100%");
}

TEST(FileNameTest, NamesFilesInUtcWhateverTheTimeZone) {
  // NOLINTBEGIN(concurrency-mt-unsafe): there are no other threads.
  const char* before = std::getenv("TZ");
  const std::string saved = before == nullptr ? "" : before;
  setenv("TZ", "XYZ-13", 1);
  tzset();
  EXPECT_EQ(Parsed("%F-%H %s").At(Moment()), "2026-11-21-18 1795287493");
  before == nullptr ? unsetenv("TZ") : setenv("TZ", saved.c_str(), 1);
  tzset();
  // NOLINTEND(concurrency-mt-unsafe)
}

TEST(FileNameTest, PutsTheStampOfAnEndedFileBeforeItsExtension) {
  const auto rotated = [](const std::string& pattern) {
    const FileName name = Parsed(pattern);
    return name.Rotated(name.At(Moment()), Moment());
  };
  EXPECT_EQ(rotated("events.jsonl"), "events.20261121T185813.007Z.jsonl");
  EXPECT_EQ(rotated("events"), "events.20261121T185813.007Z");
  EXPECT_EQ(rotated(".hidden"), ".hidden.20261121T185813.007Z");
  EXPECT_EQ(rotated("a.b.%H"), "a.b.20261121T185813.007Z.18");
}

TEST(FileNameTest, RecognizesEveryNameItGives) {
  for (const char* pattern :
       {"events.jsonl", "events", ".hidden", "%F.jsonl", "a%%b-%s.%a", "%b"}) {
    SCOPED_TRACE(pattern);
    const FileName name = Parsed(pattern);
    const std::string plain = name.At(Moment());
    const std::string stamped = name.Rotated(plain, Moment());
    EXPECT_EQ(name.Recognize(plain), FileName::Kind::kPlain);
    EXPECT_EQ(name.Recognize(stamped), FileName::Kind::kStamped);
    EXPECT_EQ(name.Recognize(stamped + ".gz"), FileName::Kind::kGzip);
    EXPECT_EQ(name.Recognize(stamped + ".gz.tmp"), FileName::Kind::kHalfGzip);
  }
  EXPECT_EQ(Parsed("%F.jsonl").Recognize("2026-11-20.jsonl.gz"), FileName::Kind::kGzip);
}

TEST(FileNameTest, RecognizesNoOtherNames) {
  const FileName plain = Parsed("events.jsonl");
  for (const char* other :
       {"", "events", "events.jsonl.gz", "events.jsonl.tmp", "events.20261121.jsonl",
        "events.jsonl.1", "xevents.20261121T185813.007Z.jsonl",
        "events.20261121T185813.007Z.jsonl.bak", "events.20261121T185813.00xZ.jsonl",
        "events.20261121T185813.007Z.jsonl.tmp"}) {
    EXPECT_FALSE(plain.Recognize(other)) << other;
  }
  const FileName dated = Parsed("tls-%Y-%m-%d.jsonl");
  for (const char* other : {"tls-2026-11-2x.jsonl", "tls-2026-11-21.json", "tls-2026-1-21.jsonl",
                            "other-2026-11-21.jsonl", "tls-2026-11-21.jsonl.bak"}) {
    EXPECT_FALSE(dated.Recognize(other)) << other;
  }
}

TEST(FileNameTest, RefusesWhatNamesNoFileAndSaysWhatWould) {
  const auto refusal = [](const std::string& pattern) {
    const auto name = FileName::Parse(pattern);
    if (name) return std::string("taken");
    EXPECT_EQ(name.error().code, Errc::kUsage);
    return name.error().Describe();
  };
  EXPECT_EQ(refusal("/var/log/"), "cannot write to /var/log/; name a file, not a folder");
  EXPECT_EQ(refusal(""), "cannot write to ; name a file, not a folder");
  EXPECT_EQ(refusal("/var/log/.."), "cannot write to /var/log/..; name a file, not a folder");
  EXPECT_EQ(refusal("/var/%Y/x.jsonl"),
            "cannot name folders by the time: /var/%Y; use % only in the last part of the path, or "
            "%% for a percent sign");
  for (const char* pattern : {"%D", "%Q", "100%", "%-d"}) {
    EXPECT_NE(refusal(pattern).find("of strftime's conversions %Y"), std::string::npos) << pattern;
  }
  EXPECT_NE(refusal(std::string(240, 'x')).find("shorten its last part by "), std::string::npos);
}

TEST(FileNameTest, TakesADoubledPercentSignInTheFolder) {
  EXPECT_EQ(Parsed("/tmp/50%%/x").folder(), "/tmp/50%");
}

}  // namespace
}  // namespace tlscope
