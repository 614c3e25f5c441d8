// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/exchange_pairing.h"

#include <gtest/gtest.h>

namespace tlscope {
namespace {

std::string Path(std::uint64_t number) {
  std::string path("/");
  path += std::to_string(number);
  return path;
}

Message Request(std::uint64_t exchange, const std::string& target = "/") {
  Message message;
  message.parser = ParserType::kHttp1Request;
  message.method = "GET";
  message.target = target;
  message.exchange = exchange;
  return message;
}

Message Response(std::uint64_t exchange, std::uint16_t status = 200) {
  Message message;
  message.parser = ParserType::kHttp1Response;
  message.status = status;
  message.exchange = exchange;
  return message;
}

class ExchangePairingTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kHalf = sizeof(Exchange);
  ByteBudget budget{4 * kHalf + 1000};
  ExchangePairing pairing{budget};
};

TEST_F(ExchangePairingTest, CompletesWithEitherHalfLast) {
  EXPECT_FALSE(pairing.Pair(Request(1)));
  EXPECT_TRUE(pairing.Pair(Response(1)));
  EXPECT_FALSE(pairing.Pair(Response(2, 413)));
  const auto early = pairing.Pair(Request(2));
  ASSERT_TRUE(early);
  EXPECT_EQ(early->status, 413);
  EXPECT_EQ(early->method, "GET");
}

TEST_F(ExchangePairingTest, GivesOutHalvesOfNoKnownPairAtOnce) {
  const auto request = pairing.Pair(Request(0));
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->has_request);
  EXPECT_FALSE(request->has_response);
  const auto response = pairing.Pair(Response(0, 204));
  ASSERT_TRUE(response);
  EXPECT_FALSE(response->has_request);
  EXPECT_EQ(response->status, 204);
}

TEST_F(ExchangePairingTest, GivesOutWhatStillWaitsOldestFirst) {
  EXPECT_FALSE(pairing.Pair(Request(2, "/second")));
  EXPECT_FALSE(pairing.Pair(Request(1, "/first")));
  EXPECT_EQ(pairing.TakeWaiting()->target, "/first");
  EXPECT_EQ(pairing.TakeWaiting()->target, "/second");
  EXPECT_FALSE(pairing.TakeWaiting());
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST_F(ExchangePairingTest, KeepsTheHostTheRequestNames) {
  Message request = Request(1);
  request.head = "GET / HTTP/1.1\r\nHost: example.org:8443\r\n\r\n";
  EXPECT_FALSE(pairing.Pair(std::move(request)));
  EXPECT_EQ(pairing.Pair(Response(1))->host, "example.org:8443");
}

TEST_F(ExchangePairingTest, IgnoresInterimMessages) {
  EXPECT_FALSE(pairing.Pair(Request(1)));
  EXPECT_FALSE(pairing.Pair(Response(1, 100)));
  EXPECT_FALSE(pairing.Pair(Response(1, 199)));
  EXPECT_TRUE(pairing.Pair(Response(1, 200)));
}

TEST_F(ExchangePairingTest, CompletesWithTheResponseThatSwitchesProtocols) {
  EXPECT_FALSE(pairing.Pair(Request(1)));
  EXPECT_TRUE(pairing.Pair(Response(1, 101)));
}

TEST_F(ExchangePairingTest, CompletesWithTheLastPartOfAMessageInParts) {
  EXPECT_FALSE(pairing.Pair(Request(1)));
  Message part = Response(1);
  part.part = 1;
  part.first_ktime_ns = 10;
  EXPECT_FALSE(pairing.Pair(std::move(part)));
  for (const bool last : {false, true}) {
    Message later = Response(1, 0);
    later.part = last ? 3 : 2;
    later.last_part = last;
    later.content_bytes = last ? 99 : 7;
    later.first_ktime_ns = 20;
    later.last_ktime_ns = 30;
    const auto exchange = pairing.Pair(std::move(later));
    EXPECT_EQ(exchange.has_value(), last);
    if (!exchange) continue;
    EXPECT_EQ(exchange->status, 200);
    EXPECT_EQ(exchange->response_bytes, 99U);
    EXPECT_EQ(exchange->first_byte_ktime_ns, 10U);
    EXPECT_EQ(exchange->last_byte_ktime_ns, 30U);
  }
}

TEST_F(ExchangePairingTest, GivesUpTheOldestHalfWhenTooManyWait) {
  ByteBudget large(16U << 20);
  ExchangePairing roomy(large);
  for (std::uint64_t i = 1; i <= ExchangePairing::kMaxPending + 1; ++i) {
    EXPECT_FALSE(roomy.Pair(Request(i)));
  }
  EXPECT_EQ(roomy.lost(), 1U);
  EXPECT_TRUE(roomy.Pair(Response(2)));
  EXPECT_TRUE(roomy.Pair(Response(ExchangePairing::kMaxPending + 1)));
  EXPECT_FALSE(roomy.Pair(Response(1))) << "its request was given up";
}

TEST_F(ExchangePairingTest, PairsAsManyAsWaitInAnyOrder) {
  ByteBudget large(16U << 20);
  ExchangePairing roomy(large);
  constexpr std::uint64_t kCount = 1000;
  for (std::uint64_t i = 1; i <= kCount; ++i) {
    EXPECT_FALSE(roomy.Pair(Request(i, Path(i))));
  }
  // 7 has no divisor in common with 1000: each comes once.
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const std::uint64_t number = i % 2 == 0 ? i / 2 + 1 : kCount - (i / 2 * 7 % (kCount / 2));
    const auto exchange = roomy.Pair(Response(number));
    ASSERT_TRUE(exchange) << number;
    EXPECT_EQ(exchange->target, Path(number));
  }
  EXPECT_EQ(roomy.lost(), 0U);
  EXPECT_EQ(large.used_bytes(), 0U);
}

TEST_F(ExchangePairingTest, AccountsForTargetsAndGoesWithoutWhenTheBudgetIsSpent) {
  EXPECT_FALSE(pairing.Pair(Request(1, std::string(1200, 'a'))));
  EXPECT_EQ(budget.used_bytes(), kHalf + 1200U);
  EXPECT_FALSE(pairing.Pair(Request(2, std::string(1200, 'b'))));
  EXPECT_EQ(budget.used_bytes(), 2 * kHalf + 1200U);
  const auto second = pairing.Pair(Response(2));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->target, "");
  EXPECT_EQ(second->method, "GET");
  EXPECT_EQ(pairing.Pair(Response(1))->target, std::string(1200, 'a'));
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST_F(ExchangePairingTest, GivesAHalfUpForWhichTheBudgetHasNoRoom) {
  ASSERT_TRUE(budget.Take(3 * kHalf + 1000));
  EXPECT_FALSE(pairing.Pair(Request(1)));
  EXPECT_FALSE(pairing.Pair(Request(2)));
  EXPECT_EQ(pairing.lost(), 1U);
  EXPECT_TRUE(pairing.Pair(Response(1)));
  budget.Give(3 * kHalf + 1000);
}

TEST_F(ExchangePairingTest, ShortensVeryLongMethodsAndTargets) {
  ByteBudget large(1U << 20);
  ExchangePairing roomy(large);
  Message request = Request(1, std::string(100'000, 'a'));
  request.method = std::string(100'000, 'M');
  EXPECT_FALSE(roomy.Pair(std::move(request)));
  const auto exchange = roomy.Pair(Response(1));
  ASSERT_TRUE(exchange);
  EXPECT_EQ(exchange->method.size(), ExchangePairing::kMaxMethod);
  EXPECT_EQ(exchange->target.size(), ExchangePairing::kMaxTarget);
}

TEST(ExchangePairingLifeTest, GivesBackWhatItHeldWhenItGoes) {
  ByteBudget budget(1000);
  {
    ExchangePairing pairing(budget);
    EXPECT_FALSE(pairing.Pair(Request(1, "/target")));
    EXPECT_NE(budget.used_bytes(), 0U);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST_F(ExchangePairingTest, AnUpgradeToHttp2IsAnsweredOnStreamOne) {
  EXPECT_FALSE(pairing.Pair(Request(1, "/h2c")));
  Message switching = Response(1, 101);
  switching.head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
  EXPECT_FALSE(pairing.Pair(std::move(switching)));
  Message response = Response(1, 204);
  response.parser = ParserType::kHttp2Response;
  response.stream_id = 1;
  const auto exchange = pairing.Pair(std::move(response));
  ASSERT_TRUE(exchange);
  EXPECT_EQ(exchange->target, "/h2c");
  EXPECT_EQ(exchange->status, 204);
}

}  // namespace
}  // namespace tlscope
