// SPDX-License-Identifier: Apache-2.0
#include "processor/events/topic.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace tlscope {
namespace {

TEST(TopicPatternTest, MatchesLiterallyAndByWildcards) {
  constexpr std::string_view kName = "events.http.request";
  for (const char* pattern : {"events.http.request", "events.+.request", "events.http.+", "+.+.+",
                              "#", "events.#", "events.http.#", "events.http.request.#"}) {
    EXPECT_TRUE(TopicMatches(pattern, kName)) << pattern;
  }
  for (const char* pattern : {"events", "events.http", "events.+", "+", "events.tls.request",
                              "control.#", "events.http.request.+", "events.http.req"}) {
    EXPECT_FALSE(TopicMatches(pattern, kName)) << pattern;
  }
}

TEST(TopicPatternTest, RefusesMalformedPatterns) {
  for (const char* pattern : {"", ".", "events.", ".events", "events..http", "#.events",
                              "events.#.request", "ev+", "events.ht#", "a.b.c.d.e", "##", "++"}) {
    EXPECT_FALSE(ValidTopicPattern(pattern)) << pattern;
    EXPECT_FALSE(TopicMatches(pattern, "events.http.request")) << pattern;
  }
  for (const char* pattern : {"#", "+", "a.b.c.d", "a.b.c.#", "+.+.+.+"}) {
    EXPECT_TRUE(ValidTopicPattern(pattern)) << pattern;
  }
}

TEST(TopicTest, GivesEveryTopicAValidNameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kTopics; ++i) {
    const std::string_view name = TopicName(static_cast<Topic>(i));
    EXPECT_TRUE(ValidTopicPattern(name)) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(TopicTest, TurnsAPatternIntoTheSetOfItsTopics) {
  EXPECT_EQ(TopicsOf("events.http.request"), Only(Topic::kHttpRequest));
  EXPECT_EQ(std::popcount(TopicsOf("events.http.+")), 4);
  EXPECT_EQ(std::popcount(TopicsOf("#")), static_cast<int>(kTopics) - 1);
  EXPECT_EQ(TopicsOf("events.#.x"), 0U);
}

TEST(TopicTest, CoversPlaintextByItsNameAlone) {
  EXPECT_EQ(TopicsOf("events.tls.plaintext"), Only(Topic::kTlsPlaintext));
  for (const char* pattern : {"#", "events.#", "events.tls.+", "events.tls.plaintext.#"}) {
    EXPECT_EQ(TopicsOf(pattern) & Only(Topic::kTlsPlaintext), 0U) << pattern;
  }
}

TEST(TopicTest, LetsOnlyHealthBeReadByEverybodyAndTheAgentsControlByRoot) {
  for (std::size_t i = 0; i < kTopics; ++i) {
    const auto topic = static_cast<Topic>(i);
    const std::string_view name = TopicName(topic);
    const TopicAccess expected = name.starts_with("control.health.") ? TopicAccess::kPublic
                                 : name.starts_with("control.")      ? TopicAccess::kPrivileged
                                                                     : TopicAccess::kRestricted;
    EXPECT_EQ(AccessOf(topic), expected) << name;
  }
}

}  // namespace
}  // namespace tlscope
