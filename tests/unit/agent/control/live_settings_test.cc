// SPDX-License-Identifier: Apache-2.0
#include "agent/control/live_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <map>
#include <set>

#include "agent/options/capture_command_line.h"
#include "agent/outputs/make_format.h"

namespace tlscope {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string Refusal(const Result<SettingChange>& change) {
  return change ? "taken without complaint" : change.error().Describe();
}

TEST(LiveSettingsTest, BeginsWithWhatTheOptionsSay) {
  CaptureOptions options;
  options.max_events_per_second = 7;
  options.detach_after_s = 0;
  options.heartbeat_s = 3;
  options.message_bytes = 1000;
  options.max_body_bytes = 10;
  options.quiet = true;
  const LiveSettings settings(options);
  EXPECT_EQ(settings.max_events_per_second(), 7U);
  EXPECT_EQ(settings.detach_after(), std::nullopt);
  EXPECT_EQ(settings.heartbeat(), std::chrono::seconds(3));
  EXPECT_EQ(settings.body_limit_bytes(), 10U);
  EXPECT_EQ(settings.log_level(), LogLevel::kWarn);
}

TEST(LiveSettingsTest, KeepsOfABodyWhatAllThreeOptionsAllow) {
  CaptureOptions options;
  EXPECT_EQ(BodyLimitOf(options), 16U << 20);
  options.max_body_bytes = 32U << 20;
  EXPECT_EQ(BodyLimitOf(options), 16U << 20);
  options.max_body_bytes = 5;
  EXPECT_EQ(BodyLimitOf(options), 5U);
  options.headers_only = true;
  EXPECT_EQ(BodyLimitOf(options), 0U);
}

TEST(LiveSettingsTest, SetsEveryKeyItLists) {
  const std::map<std::string, std::string> values{{"max-events-per-second", "9"},
                                                  {"detach-after", "5"},
                                                  {"heartbeat", "0"},
                                                  {"tsize", "4096"},
                                                  {"max-body", "2048"},
                                                  {"headers-only", "true"},
                                                  {"log-level", "debug"}};
  LiveSettings settings{CaptureOptions{}};
  ASSERT_EQ(settings.All().size(), values.size());
  for (const auto& [key, before] : settings.All()) {
    SCOPED_TRACE(key);
    const auto change = settings.Set(key, values.at(key));
    ASSERT_TRUE(change.has_value()) << change.error().Describe();
    EXPECT_EQ(*change, (SettingChange{key, before, values.at(key), false}));
    EXPECT_NE(before, values.at(key));
  }
  for (const auto& [key, now] : settings.All()) EXPECT_EQ(now, values.at(key));
  EXPECT_EQ(settings.max_events_per_second(), 9U);
  EXPECT_EQ(settings.detach_after(), std::chrono::seconds(5));
  EXPECT_EQ(settings.heartbeat(), std::nullopt);
  EXPECT_EQ(settings.body_limit_bytes(), 0U);
  EXPECT_EQ(settings.log_level(), LogLevel::kDebug);
}

TEST(LiveSettingsTest, TakesSizesAsTheOptionsDo) {
  LiveSettings settings{CaptureOptions{}};
  ASSERT_TRUE(settings.Set("tsize", "2 KiB").has_value());
  EXPECT_EQ(settings.body_limit_bytes(), 2048U);
}

TEST(LiveSettingsTest, RefusesWhatItCannotSetAndSaysWhatItCan) {
  std::vector<SettingChange> told;
  LiveSettings settings(CaptureOptions{}, [&](const SettingChange& one) { told.push_back(one); });
  EXPECT_THAT(Refusal(settings.Set("no-such-key", "1")),
              AllOf(HasSubstr("no-such-key"), HasSubstr("tsize"), HasSubstr("log-level")));
  EXPECT_THAT(Refusal(settings.Set("ring-mib", "64")),
              AllOf(HasSubstr("restart"), HasSubstr("--ring-mib"), HasSubstr("tsize")));
  EXPECT_THAT(Refusal(settings.Set("tsize", "much")), HasSubstr("much"));
  EXPECT_THAT(Refusal(settings.Set("tsize", "")), HasSubstr("tsize"));
  EXPECT_THAT(Refusal(settings.Set("headers-only", "perhaps")), HasSubstr("perhaps"));
  EXPECT_THAT(Refusal(settings.Set("detach-after", "-1")), HasSubstr("-1"));
  EXPECT_THAT(Refusal(settings.Set("log-level", "loud")), HasSubstr("warn, info or debug"));
  EXPECT_THAT(told, IsEmpty());
  EXPECT_EQ(settings.body_limit_bytes(), BodyLimitOf(CaptureOptions{}));
}

TEST(LiveSettingsTest, SetsNothingThatTheOutputsCannotDo) {
  CaptureOptions options;
  options.outputs = {"a.pcapng"};
  LiveSettings settings(options);
  const auto set = settings.Set("headers-only", "true");
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().Describe(), HasSubstr("a.pcapng"));
  EXPECT_NE(settings.body_limit_bytes(), 0U);
}

TEST(LiveSettingsTest, AppliesWhatIsLiveAndReportsWhatIsNot) {
  std::vector<SettingChange> told;
  LiveSettings settings(CaptureOptions{}, [&](const SettingChange& one) { told.push_back(one); });
  CaptureOptions now;
  now.message_bytes = 500;
  now.verbose = true;
  now.ports = {443, 8443};
  const SettingChange size{"tsize", "16777216", "500", false};
  const SettingChange level{"log-level", "info", "debug", false};
  EXPECT_THAT(settings.Apply(now),
              UnorderedElementsAre(size, level, SettingChange{"port", "", "443,8443", true}));
  EXPECT_THAT(told, ElementsAre(size, level));
  EXPECT_EQ(settings.body_limit_bytes(), 500U);
  EXPECT_THAT(settings.Apply(now), ElementsAre(SettingChange{"port", "", "443,8443", true}));
}

TEST(LiveSettingsTest, KnowsEveryOptionOfTheCommand) {
  CLI::App app;
  CaptureOptions options;
  std::set<std::string> unknown;
  for (const CLI::Option* option : AddCapture(app, options)->get_options()) {
    for (const std::string& key : option->get_lnames()) {
      if (!LiveSettings::Knows(key)) unknown.insert(key);
    }
  }
  // --hex is a value of --binary, --quiet and --verbose are levels of the log, and which file it
  // is cannot be in the file.
  EXPECT_THAT(unknown, UnorderedElementsAre("help", "hex", "quiet", "verbose", "config"));
}

TEST(LiveSettingsTest, TellsOnceOfAnOptionThatHasTwoParts) {
  LiveSettings settings{CaptureOptions{}};
  CaptureOptions now;
  now.rotation = {.bytes = 1024, .period = RotatePeriod::kDay};
  now.event_log_rotation = now.rotation;
  std::vector<std::string> keys;
  for (const SettingChange& change : settings.Apply(now)) keys.push_back(change.key);
  EXPECT_THAT(keys, UnorderedElementsAre("rotate", "event-log-rotate"));
}

TEST(LiveSettingsTest, AppliesOverWhatWasSet) {
  LiveSettings settings{CaptureOptions{}};
  ASSERT_TRUE(settings.Set("heartbeat", "1").has_value());
  EXPECT_THAT(settings.Apply(CaptureOptions{}),
              ElementsAre(SettingChange{"heartbeat", "1", "15", false}));
}

TEST(LiveSettingsTest, TellsOfADifferenceOnly) {
  std::vector<SettingChange> told;
  LiveSettings settings(CaptureOptions{}, [&](const SettingChange& one) { told.push_back(one); });
  ASSERT_TRUE(settings.Set("heartbeat", "15").has_value());
  EXPECT_THAT(told, IsEmpty());
  EXPECT_THAT(settings.Apply(CaptureOptions{}), IsEmpty());
}

}  // namespace
}  // namespace tlscope
