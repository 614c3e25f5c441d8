// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

constexpr char kLength10[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
constexpr char kNext[] = "HTTP/1.1 204 No Content\r\n\r\n";

TEST(Http1LimitsTest, CutsABodyAtTheLimitCountsTheRestAndStaysInStep) {
  Input input{Role::kResponse, std::string(kLength10) + "0123456789" + kNext, {}, {}, {}};
  input.limits.body_bytes = 4;
  ExpectForEverySplit(
      input,
      {{WithCut(Response(0, 200, kLength10, "0123"), 6), Response(0, 204, kNext)}, false, {}});
}

TEST(Http1LimitsTest, CutsAChunkedBodyAtTheLimit) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  Input input{Role::kResponse, head + "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", {}, {}, {}};
  input.limits.body_bytes = 4;
  ExpectForEverySplit(input, {{WithCut(Response(0, 200, head, "abcd"), 2)}, false, {}});
}

TEST(Http1LimitsTest, KeepsNoBodyWhenTheLimitIsZero) {
  Input input{Role::kResponse, std::string(kLength10) + "0123456789", {}, {}, {}};
  input.limits.body_bytes = 0;
  ExpectForEverySplit(input, {{WithCut(Response(0, 200, kLength10), 10)}, false, {}});
}

TEST(Http1LimitsTest, KeepsNoBodyWhenTheBudgetIsSpentAndStaysInStep) {
  Connection connection({}, 100);
  connection.response.Feed(kLength10, kKtime);
  ASSERT_TRUE(connection.budget.Take(100 - connection.budget.used_bytes()));
  connection.response.Feed(std::string("0123456789") + kNext, kKtime);
  ASSERT_EQ(connection.responses.messages.size(), 2U);
  EXPECT_EQ(connection.responses.messages[0], WithCut(Response(0, 200, kLength10), 10));
}

TEST(Http1LimitsTest, CountsAHeadThatTheBudgetHasNoRoomFor) {
  Connection connection({}, 10);
  connection.response.Feed(kNext, kKtime);
  connection.response.Finish(StreamEnd::kClosed);
  std::uint64_t counted = 0;
  for (const Message& message : connection.responses.messages) {
    EXPECT_EQ(message.parser, ParserType::kUnknown);
    counted += message.body.size() + message.cut_bytes;
  }
  EXPECT_EQ(counted, std::string_view(kNext).size());
  EXPECT_EQ(connection.budget.used_bytes(), 0U);
}

TEST(Http1LimitsTest, CountsAPartialHeadThatTheBudgetHasNoRoomFor) {
  Connection connection({}, 10);
  connection.response.Feed("HTTP/1.1 204 No", kKtime);
  connection.response.Feed(" Content\r\n\r\n", kKtime);
  connection.response.Finish(StreamEnd::kClosed);
  EXPECT_EQ(connection.responses.messages, Messages{WithCut(Unknown(""), 27)});
}

TEST(Http1LimitsTest, GivesUpAChunkedBodyWhoseLineTheBudgetHasNoRoomFor) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  Connection connection({}, head.size());
  connection.response.Feed(head + "10;a", kKtime);
  EXPECT_EQ(connection.responses.messages, Messages{Incomplete(Response(0, 200, head))});
  connection.response.Finish(StreamEnd::kClosed);
  ASSERT_EQ(connection.responses.messages.size(), 2U);
  EXPECT_EQ(connection.responses.messages[1], Unknown("10;a"));
}

TEST(Http1LimitsTest, AHostileContentLengthTakesNoMemory) {
  Connection connection;
  connection.response.Feed("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nabc",
                           kKtime);
  EXPECT_LE(connection.response.held_bytes(), 20'000U);
  connection.response.Gap(1U << 30, kKtime);
  connection.response.Feed("def", kKtime);
  connection.response.Finish(StreamEnd::kClosed);
  ASSERT_EQ(connection.responses.messages.size(), 1U);
  EXPECT_EQ(connection.responses.messages[0].body, "abcdef");
  EXPECT_EQ(connection.responses.messages[0].content_bytes, 6U + (1U << 30));
  EXPECT_FALSE(connection.responses.messages[0].complete);
}

TEST(Http1LimitsTest, RefusesAContentLengthBeyondSixtyFourBits) {
  const std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n";
  ExpectForEverySplit({Role::kResponse, bytes, {}, {}, {}}, {{Unknown(bytes)}, false, {}});
}

TEST(Http1LimitsTest, AnUnfinishedHeadNeverHoldsMoreThanTheLimit) {
  ParserLimits limits;
  limits.head_bytes = 1000;
  limits.body_bytes = 1000;
  Connection connection(limits);
  connection.response.Feed("HTTP/1.1 200 OK\r\n", kKtime);
  for (int i = 0; i < 10'000; ++i) {
    connection.response.Feed("X: y\r\n", kKtime);
    ASSERT_LE(connection.response.held_bytes(), 4'000U);
  }
  connection.response.Finish(StreamEnd::kClosed);
  ASSERT_EQ(connection.responses.messages.size(), 1U);
  EXPECT_EQ(connection.responses.messages[0].content_bytes, 17U + 60'000U);
}

TEST(Http1LimitsTest, FlushEmitsWhatIsSkippedAndKeepsAPartialHead) {
  Connection connection;
  connection.response.Feed("garbage\nHTTP/1.1 204 No", kKtime);
  connection.response.Flush();
  EXPECT_EQ(connection.responses.messages, Messages{Unknown("garbage\n")});
  connection.response.Feed(" Content\r\n\r\n", kKtime);
  ASSERT_EQ(connection.responses.messages.size(), 2U);
  EXPECT_EQ(connection.responses.messages[1], Resynchronised(Response(0, 204, kNext)));
}

TEST(Http1LimitsTest, ResetForgetsWhatWasHeld) {
  Connection connection;
  for (const char* bytes : {"HTTP/1.1 200", "HTTP/1.1 200 OK\r\n\r\nbody", "garbage",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
    connection.response.Feed(bytes, kKtime);
    connection.response.Reset();
    EXPECT_EQ(connection.response.held_bytes(), 0U);
    EXPECT_EQ(connection.budget.used_bytes(), 0U);
  }
  connection.response.Feed(kNext, kKtime);
  EXPECT_EQ(connection.responses.messages, Messages{Response(0, 204, kNext)});
}

}  // namespace
}  // namespace tlscope
