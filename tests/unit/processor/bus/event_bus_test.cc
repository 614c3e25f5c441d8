// SPDX-License-Identifier: Apache-2.0
#include "processor/bus/event_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/processor/bus/recorder.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kSecond = 1'000'000'000;

v1::BusEvent Parse(const BusRecord& record) {
  v1::BusEvent event;
  EXPECT_TRUE(event.ParseFromArray(record.bytes.data(), static_cast<int>(record.bytes.size())));
  return event;
}

/// Everything that a subscription has now, by what its payload says.
std::vector<std::string> Texts(Subscription& subscription) {
  std::vector<std::string> texts;
  subscription.Poll(1'000'000, [&](const BusRecord& record) {
    const v1::BusEvent event = Parse(record);
    texts.push_back(event.has_warning_issued() ? event.warning_issued().text()
                                               : event.exchange_completed().target());
  });
  return texts;
}

std::size_t Count(Subscription& subscription) {
  return subscription.Poll(10'000'000, [](const BusRecord& /*record*/) {});
}

void Warn(EventBus& bus, std::string_view text) {
  bus.Publish(Topic::kHealthDiagnostics, WarningEvent{text});
}

/// An exchange on some connection.
void PublishExchange(BusPublisher& publisher, std::string_view target, std::uint64_t ktime_ns = 1,
                     Correlation correlation = Correlation::Root(7, Stage::kCapturing),
                     std::string_view comm = "curl") {
  ConnectionInfo connection;
  connection.pid = 42;
  connection.comm = comm;
  publisher.Publish(Topic::kHttpExchange, {ktime_ns, correlation},
                    ExchangeEvent{connection, "uuid", "GET", target, "host", 200, 1, 2, ktime_ns,
                                  ktime_ns, ktime_ns});
}

SubscribeOptions To(std::string_view pattern, EventFilter filter = {}, std::size_t history = 0) {
  return {TopicsOf(pattern), std::move(filter), history};
}

class EventBusTest : public ::testing::Test {
 protected:
  explicit EventBusTest(std::size_t ring_bytes = std::size_t{1} << 20)
      : bus({.ring_bytes = ring_bytes}), publisher(bus.MakePublisher()) {
    bus.StartRecording();
  }

  EventBus bus;
  BusPublisher& publisher;
};

TEST_F(EventBusTest, CallsThoseWhoSubscribedInThatOrder) {
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
  EXPECT_TRUE(bus.Subscribe("events.#", first));
  EXPECT_TRUE(bus.Subscribe("+.library.attached", second));
  EXPECT_TRUE(bus.Subscribe("events.http.+", elsewhere));
  bus.Publish(Topic::kLibraryAttached, LibraryEvent{"/lib/libssl.so", ""});
  EXPECT_EQ(log, "12");
}

TEST(EventBusWithoutReadersTest, KnowsWhetherAnybodyListens) {
  EventBus bus;
  BusPublisher& publisher = bus.MakePublisher();
  testing::Recorder seen;
  EXPECT_FALSE(bus.Subscribe("events.#.x", seen));
  EXPECT_FALSE(publisher.Wants(Topic::kHttpRequest));
  EXPECT_TRUE(bus.Subscribe("events.http.#", seen));
  EXPECT_TRUE(publisher.Wants(Topic::kHttpRequest));
  EXPECT_FALSE(publisher.Wants(Topic::kTlsLost));
  bus.StartRecording();
  EXPECT_TRUE(publisher.Wants(Topic::kTlsLost));
}

TEST_F(EventBusTest, MakesFramesOnlyForThoseWhoReadThem) {
  EXPECT_FALSE(publisher.Wants(Topic::kHttpFrame));
  {
    const auto subscription = bus.Subscribe(To("events.http.#"));
    EXPECT_TRUE(publisher.Wants(Topic::kHttpFrame));
  }
  EXPECT_FALSE(publisher.Wants(Topic::kHttpFrame));
}

TEST_F(EventBusTest, HandsOverWhatIsPublishedOnTheTopicsAndNothingElse) {
  const auto exchanges = bus.Subscribe(To("events.http.exchange"));
  const auto all = bus.Subscribe(To("#"));
  PublishExchange(publisher, "/a");
  Warn(bus, "careful");
  PublishExchange(publisher, "/b");
  EXPECT_THAT(Texts(*exchanges), ElementsAre("/a", "/b"));
  EXPECT_THAT(Texts(*all), ElementsAre("careful", "/a", "/b"));
  EXPECT_THAT(Texts(*all), IsEmpty());
  EXPECT_EQ(all->TakeLost(), 0U);
}

TEST_F(EventBusTest, HandsOverNoMoreThanWasAskedForAtOnce) {
  const auto all = bus.Subscribe(To("#"));
  for (int i = 0; i < 5; ++i) PublishExchange(publisher, "/");
  EXPECT_EQ(all->Poll(2, [](const BusRecord& /*record*/) {}), 2U);
  EXPECT_EQ(Count(*all), 3U);
}

TEST_F(EventBusTest, GivesANewSubscriptionTheHistoryItAsksFor) {
  for (int i = 0; i < 5; ++i) PublishExchange(publisher, "/" + std::to_string(i));
  EXPECT_THAT(Texts(*bus.Subscribe(To("#"))), IsEmpty());
  EXPECT_THAT(Texts(*bus.Subscribe(To("#", {}, 2))), ElementsAre("/3", "/4"));
  const auto late = bus.Subscribe(To("#", {}, 1));
  PublishExchange(publisher, "/5");
  EXPECT_THAT(Texts(*late), ElementsAre("/4", "/5"));
  EXPECT_EQ(late->TakeLost(), 0U);
}

TEST_F(EventBusTest, KeepsTheLastThousandEvents) {
  for (int i = 0; i < 3000; ++i) PublishExchange(publisher, "/" + std::to_string(i));
  const auto texts = Texts(*bus.Subscribe(To("#", {}, 5000)));
  ASSERT_EQ(texts.size(), EventBus::kHistory);
  EXPECT_EQ(texts.front(), "/2000");
  EXPECT_EQ(texts.back(), "/2999");
}

TEST_F(EventBusTest, KeepsTheFirstOfVeryManyInASecondWhileNobodyReads) {
  constexpr std::uint64_t kSecondNs = 1'000'000'000;
  for (std::uint64_t i = 0; i < EventBus::kUnreadPerSecond + 5; ++i)
    PublishExchange(publisher, "/" + std::to_string(i), kSecondNs);
  EXPECT_THAT(Texts(*bus.Subscribe(To("#", {}, 1))), ElementsAre("/9999"));
  PublishExchange(publisher, "/next", 2 * kSecondNs);
  EXPECT_THAT(Texts(*bus.Subscribe(To("#", {}, 1))), ElementsAre("/next"));
}

TEST_F(EventBusTest, KeepsEveryEventThatSomebodyReads) {
  const auto all = bus.Subscribe(To("#"));
  for (std::uint64_t i = 0; i < EventBus::kUnreadPerSecond + 5; ++i)
    PublishExchange(publisher, "/", 1);
  EXPECT_EQ(Count(*all) + all->TakeLost(), EventBus::kUnreadPerSecond + 5);
}

TEST_F(EventBusTest, BringsTheHistoriesOfPublishersIntoTheOrderOfTheirTimes) {
  BusPublisher& other = bus.MakePublisher();
  PublishExchange(publisher, "/1", 10);
  PublishExchange(publisher, "/4", 40);
  PublishExchange(other, "/2", 20);
  PublishExchange(other, "/3", 30);
  EXPECT_THAT(Texts(*bus.Subscribe(To("#", {}, 3))), ElementsAre("/2", "/3", "/4"));
}

TEST_F(EventBusTest, SeesPublishersThatComeLater) {
  const auto all = bus.Subscribe(To("#"));
  BusPublisher& late = bus.MakePublisher();
  PublishExchange(late, "/late");
  EXPECT_THAT(Texts(*all), ElementsAre("/late"));
  EXPECT_EQ(all->TakeLost(), 0U);
}

TEST_F(EventBusTest, FiltersByKindTimeAndCorrelation) {
  const Correlation root = Correlation::Root(100, Stage::kCapturing);
  const auto publish = [&] {
    PublishExchange(publisher, "/root", 10, root);
    PublishExchange(publisher, "/child", 20, root.Child(1));
    PublishExchange(publisher, "/other", 30, Correlation::Root(200, Stage::kCapturing));
    Warn(bus, "warning");
  };
  const auto kinds = bus.Subscribe(To("#", {.kinds = {EventKind::kWarningIssued}}));
  const auto times = bus.Subscribe(To("#", {.since_unix_ns = 20, .until_unix_ns = 30}));
  const auto tree = bus.Subscribe(To("#", {.correlation = 100}));
  const auto child = bus.Subscribe(To("#", {.correlation = root.Child(1).id}));
  publish();
  EXPECT_THAT(Texts(*kinds), ElementsAre("warning"));
  EXPECT_THAT(Texts(*times), ElementsAre("/child", "/other"));
  EXPECT_THAT(Texts(*tree), ElementsAre("/root", "/child"));
  EXPECT_THAT(Texts(*child), ElementsAre("/child"));
  EXPECT_THAT(Texts(*bus.Subscribe(To("#", {.correlation = 200}, 10))), ElementsAre("/other"));
}

TEST(EventBusTagsTest, FiltersByStageAndTags) {
  EventBus bus({.tags = {"env=test"}, .ring_bytes = 1U << 16});
  bus.StartRecording();
  BusPublisher& publisher = bus.MakePublisher();
  const auto stage = bus.Subscribe(To("events.#", {.stage = "paused"}));
  const auto both = bus.Subscribe(To("events.#", {.tags = {"comm=nginx", "env=test"}}));
  const auto none = bus.Subscribe(To("events.#", {.tags = {"env=other"}}));
  PublishExchange(publisher, "/curl");
  PublishExchange(publisher, "/nginx", 1, Correlation::Root(7, Stage::kPaused), "nginx");
  EXPECT_THAT(Texts(*stage), ElementsAre("/nginx"));
  EXPECT_THAT(Texts(*both), ElementsAre("/nginx"));
  EXPECT_THAT(Texts(*none), IsEmpty());
}

TEST(CorrelationTest, LetsChildrenInheritRootAndStage) {
  const Correlation root = Correlation::Root(5, Stage::kCapturing);
  const Correlation child = root.Child(1);
  const Correlation grandchild = child.Child(1);
  EXPECT_EQ(child.parent, root.id);
  EXPECT_EQ(grandchild.parent, child.id);
  EXPECT_EQ(grandchild.root, root.id);
  EXPECT_EQ(grandchild.stage, Stage::kCapturing);
  EXPECT_EQ(child, root.Child(1));
  EXPECT_NE(child.id, root.Child(2).id);
  EXPECT_NE(child.id, grandchild.id);
}

TEST_F(EventBusTest, TellsASlowReaderExactlyWhatItMissed) {
  const auto slow = bus.Subscribe(To("events.http.exchange"));
  const auto other_topic = bus.Subscribe(To("events.tls.#"));
  constexpr std::size_t kEvents = 50'000;  // several times the ring
  for (std::size_t i = 0; i < kEvents; ++i) PublishExchange(publisher, "/");
  const std::size_t received = Count(*slow);
  EXPECT_GT(received, 0U);
  EXPECT_EQ(received + slow->TakeLost(), kEvents);
  EXPECT_EQ(slow->TakeLost(), 0U) << "told once";
  EXPECT_EQ(Count(*other_topic), 0U);
  EXPECT_EQ(other_topic->TakeLost(), 0U) << "what it did not ask for it cannot miss";
}

TEST_F(EventBusTest, TellsOfALossThatNothingFollows) {
  const auto slow = bus.Subscribe(To("events.conn.#"));
  const auto of_the_others = bus.Subscribe(To("#"));  // so that all are kept
  publisher.Publish(Topic::kConnOpened, {}, LibraryEvent{"/lib", ""});
  for (int i = 0; i < 50'000; ++i) PublishExchange(publisher, "/");
  EXPECT_EQ(Count(*slow), 0U);
  EXPECT_EQ(slow->TakeLost(), 1U);
}

TEST_F(EventBusTest, LetsFiftyReadersOfWhomSomeStallAccountForAMillionEvents) {
  constexpr std::uint64_t kEvents = 1'000'000;
  constexpr std::size_t kReaders = 50;
  constexpr std::size_t kThreads = 4;
  std::vector<std::unique_ptr<Subscription>> readers;
  for (std::size_t i = 0; i < kReaders; ++i) readers.push_back(bus.Subscribe(To("events.#")));
  std::vector<std::uint64_t> accounted(kReaders);
  std::atomic<bool> over = false;
  const auto read = [&](std::size_t i) {
    accounted[i] += Count(*readers[i]);
    accounted[i] += readers[i]->TakeLost();
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        while (!over.load()) {
          // Every fifth stalls until the end.
          for (std::size_t i = t; i < kReaders; i += kThreads) {
            if (i % 5 != 0) read(i);
          }
        }
        for (std::size_t i = t; i < kReaders; i += kThreads) read(i);
      });
    }
    for (std::uint64_t i = 0; i < kEvents; ++i) PublishExchange(publisher, "/burst");
    over = true;
  }
  for (std::size_t i = 0; i < kReaders; ++i) EXPECT_EQ(accounted[i], kEvents) << i;
  EXPECT_EQ(bus.published()[static_cast<std::size_t>(Topic::kHttpExchange)], kEvents);
}

TEST_F(EventBusTest, NeverHandsOutATornEvent) {
  const auto reader = bus.Subscribe(To("#"));
  std::atomic<bool> over = false;
  std::jthread writer([&] {
    std::string target;
    for (int i = 0; i < 200'000; ++i) {
      target.assign(1 + static_cast<std::size_t>(i) % 700, static_cast<char>('a' + i % 26));
      PublishExchange(publisher, target);
    }
    over = true;
  });
  const auto check = [](const BusRecord& record) {
    const std::string target = Parse(record).exchange_completed().target();
    ASSERT_FALSE(target.empty());
    ASSERT_EQ(target, std::string(target.size(), target.front()));
  };
  while (!over.load()) reader->Poll(100, check);
  while (reader->Poll(100, check) > 0) {
  }
}

TEST_F(EventBusTest, KeepsLittleOfBodiesUntilSomebodyReadsThem) {
  ConnectionInfo connection;
  Message message;
  message.body.assign(3 * EventBus::kHistoryBodyBytes, 'x');
  message.content_bytes = message.body.size();
  const auto publish = [&] {
    publisher.Publish(Topic::kHttpResponse, {1, {}},
                      MessageEvent{connection, DataType::kRead, "uuid", message});
  };
  publish();
  const auto whole = bus.Subscribe(To("events.http.#", {}, 1));
  publish();
  std::vector<v1::MessageDecoded> messages;
  whole->Poll(
      10, [&](const BusRecord& record) { messages.push_back(Parse(record).message_decoded()); });
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].body().size(), EventBus::kHistoryBodyBytes);
  EXPECT_EQ(messages[0].cut_bytes(), 2 * EventBus::kHistoryBodyBytes);
  EXPECT_EQ(messages[1].body().size(), 3 * EventBus::kHistoryBodyBytes);
  EXPECT_EQ(messages[1].cut_bytes(), 0U);
}

TEST_F(EventBusTest, CountsAnEventThatTheRingCannotHoldAsMissed) {
  const auto reader = bus.Subscribe(To("#"));
  PublishExchange(publisher, std::string(std::size_t{1} << 20, 'x'));
  PublishExchange(publisher, "/small");
  EXPECT_THAT(Texts(*reader), ElementsAre("/small"));
  EXPECT_EQ(reader->TakeLost(), 1U);
  EXPECT_EQ(Count(*reader), 0U);
  EXPECT_EQ(reader->TakeLost(), 0U) << "told once";
  // Behind this one nothing comes.
  PublishExchange(publisher, std::string(std::size_t{1} << 20, 'x'));
  EXPECT_EQ(Count(*reader), 0U);
  EXPECT_EQ(reader->TakeLost(), 1U);
}

TEST_F(EventBusTest, DropsBeyondTheRateLimitAndSaysSo) {
  const auto reader = bus.Subscribe(To("events.#"));
  bus.SetMaxEventsPerSecond(10);
  for (std::uint64_t i = 0; i < 25; ++i) PublishExchange(publisher, "/", kSecond + i);
  PublishExchange(publisher, "/next", 3 * kSecond);
  std::vector<std::string> seen;
  reader->Poll(100, [&](const BusRecord& record) {
    const v1::BusEvent event = Parse(record);
    seen.push_back(event.has_rate_limit_triggered()
                       ? "dropped " + std::to_string(event.rate_limit_triggered().dropped())
                       : event.exchange_completed().target());
  });
  std::vector<std::string> expected(10, "/");
  expected.insert(expected.end(), {"dropped 1", "dropped 14", "/next"});
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(bus.rate_limited(), 15U);
}

TEST_F(EventBusTest, NeverLimitsWhatTellsOfLosses) {
  bus.SetMaxEventsPerSecond(1);
  const auto reader = bus.Subscribe(To("events.tls.lost"));
  ConnectionInfo connection;
  for (int i = 0; i < 5; ++i) {
    publisher.Publish(Topic::kTlsLost, {kSecond, {}},
                      LossEvent{connection, DataType::kRead, "uuid", 1, kSecond});
  }
  EXPECT_EQ(Count(*reader), 5U);
}

TEST_F(EventBusTest, WakesWhoWaitsForTheTopic) {
  BusWaiter waiter(bus);
  const auto woken = [&] {
    pollfd ready{waiter.fd(), POLLIN, 0};
    return poll(&ready, 1, 0) == 1;
  };
  Warn(bus, "nobody waits");
  EXPECT_FALSE(woken());
  waiter.Arm(TopicsOf("events.#"));
  Warn(bus, "not this");
  EXPECT_FALSE(woken());
  PublishExchange(publisher, "/");
  EXPECT_TRUE(woken());
  waiter.Clear();
  PublishExchange(publisher, "/");
  EXPECT_FALSE(woken()) << "woken once for each time it was armed";
}

TEST_F(EventBusTest, SaysInWhichStageTheAgentIs) {
  const auto reader = bus.Subscribe(To("control.agent.task"));
  bus.SetStage(Stage::kCapturing);
  bus.SetStage(Stage::kCapturing);
  std::vector<v1::BusEvent> events;
  reader->Poll(10, [&](const BusRecord& record) { events.push_back(Parse(record)); });
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].stage_changed().stage(), "capturing");
  EXPECT_EQ(events[0].stage_changed().previous(), "starting");
  EXPECT_EQ(events[0].correlation().stage(), "capturing");
}

}  // namespace
}  // namespace tlscope
