// SPDX-License-Identifier: Apache-2.0
#include "processor/event_bus.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/processor/recorder.h"

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

TEST(EventBusTest, GivesEveryTopicAValidNameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kTopics; ++i) {
    const std::string_view name = TopicName(static_cast<Topic>(i));
    EXPECT_TRUE(ValidTopicPattern(name)) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(EventBusTest, DeliversToThoseWhoSubscribedInThatOrder) {
  struct Numbered final : BusSubscriber {
    Numbered(int n, std::string& l) : number(n), log(l) {}
    void OnBusEvent(Topic /*topic*/, const BusPayload& /*payload*/) noexcept override {
      log += std::to_string(number);
    }
    int number;
    std::string& log;
  };
  std::string log;
  Numbered first(1, log);
  Numbered second(2, log);
  Numbered elsewhere(3, log);
  EventBus bus;
  EXPECT_TRUE(bus.Subscribe("events.#", first));
  EXPECT_TRUE(bus.Subscribe("+.library.attached", second));
  EXPECT_TRUE(bus.Subscribe("events.http.+", elsewhere));
  bus.Publish(Topic::kLibraryAttached, LibraryEvent{"/lib/libssl.so", ""});
  EXPECT_EQ(log, "12");
}

TEST(EventBusTest, KnowsWhetherAnybodyListens) {
  EventBus bus;
  testing::Recorder seen;
  EXPECT_FALSE(bus.Subscribe("events.#.x", seen));
  EXPECT_FALSE(bus.HasSubscribers(Topic::kHttpRequest));
  EXPECT_TRUE(bus.Subscribe("events.http.#", seen));
  EXPECT_TRUE(bus.HasSubscribers(Topic::kHttpRequest));
  EXPECT_FALSE(bus.HasSubscribers(Topic::kEventsLost));
}

}  // namespace
}  // namespace tlscope
