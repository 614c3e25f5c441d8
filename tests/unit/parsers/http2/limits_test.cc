// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

constexpr char kGetBlock[] = "\x82\x84\x87";  // three fields of the static table

/// Feeds the frame that `make(i)` makes, many times; returns the most that was held.
template <class Make>
std::uint64_t MostHeld(Http2Connection& connection, int count, const Make& make) {
  std::uint64_t most = 0;
  for (int i = 0; i < count; ++i) {
    connection.client.Feed(make(i), kKtime);
    most = std::max<std::uint64_t>(most, connection.client.held_bytes());
  }
  return most;
}

std::uint32_t Odd(int i) { return static_cast<std::uint32_t>(2 * i + 1); }

TEST(Http2LimitsTest, RapidResetCostsNothingThatStays) {
  Http2Connection connection;
  const std::uint64_t most = MostHeld(connection, 100'000, [](int i) {
    return Headers(Odd(i), kGetBlock) + Frame(FrameType::kRstStream, 0, Odd(i), Uint32(8));
  });
  EXPECT_LT(most, 32U << 10);
  EXPECT_EQ(connection.requests.messages.size(), 100'000U);
  connection.Finish();
}

TEST(Http2LimitsTest, StreamsThatNeverEndGiveWayToNewOnes) {
  Http2Connection connection;
  const std::uint64_t most = MostHeld(
      connection, 5'000, [](int i) { return Headers(Odd(i), kGetBlock) + Data(Odd(i), "x"); });
  EXPECT_LT(most, 8U << 20);
  EXPECT_EQ(connection.requests.messages.size(), 5'000U - http2::StreamTable::kMaxStreams);
  for (const Message& message : connection.requests.messages) EXPECT_FALSE(message.complete);
  connection.Finish();
  EXPECT_EQ(connection.requests.messages.size(), 5'000U);
}

TEST(Http2LimitsTest, AContinuationFloodIsCutAndStaysInStep) {
  ParserLimits limits;
  limits.head_bytes = 4096;
  Http2Connection connection(http2::Start::kOfClient, http2::Start::kOfServer, limits);
  Encoder encoder;
  connection.client.Feed(Frame(FrameType::kHeaders, kFlagEndStream, 1, kGetBlock), kKtime);
  const std::uint64_t most = MostHeld(connection, 20'000, [&encoder](int i) {
    const std::string number = std::to_string(i);
    return Frame(FrameType::kContinuation, 0, 1, encoder.Block({{"x-" + number, number}}));
  });
  EXPECT_LT(most, 64U << 10);
  connection.client.Feed(Frame(FrameType::kContinuation, kFlagEndHeaders, 1), kKtime);
  connection.client.Feed(Headers(3, encoder.Block({{"x-19999", "19999"}}), kFlagEndStream), kKtime);
  ASSERT_EQ(connection.requests.messages.size(), 2U);
  EXPECT_LE(connection.requests.messages[0].head.size(), limits.head_bytes + 100);
  EXPECT_NE(connection.requests.messages[0].head.find(" bytes of header fields cut>\r\n"),
            std::string::npos);
  EXPECT_EQ(connection.requests.messages[1].trailers, "x-19999: 19999\r\n");
  connection.Finish();
}

TEST(Http2LimitsTest, AHeaderListOfMoreThan64KiBIsKept) {
  Fields fields = kGet;
  for (int i = 0; i < 30; ++i) {
    fields.emplace_back("x-" + std::to_string(i), std::string(5000, 'v'));
  }
  Encoder encoder;
  const std::string block = encoder.Block(fields);
  std::string bytes = Frame(FrameType::kHeaders, kFlagEndStream, 1, block.substr(0, 16384));
  for (std::size_t at = 16384; at < block.size(); at += 16384) {
    const bool last = at + 16384 >= block.size();
    bytes +=
        Frame(FrameType::kContinuation, last ? kFlagEndHeaders : 0, 1, block.substr(at, 16384));
  }
  EXPECT_EQ(ParseHttp2({Role::kRequest, bytes, {}}), (Messages{Http2Request(1, fields)}));
}

TEST(Http2LimitsTest, AFieldRepeatedByOneByteEachCostsItsBytesOnly) {
  Http2Connection connection;
  Encoder encoder;
  connection.client.Feed(Headers(1, encoder.Block({{"x", std::string(4000, 'v')}}), kFlagEndStream),
                         kKtime);
  const std::string bomb = Headers(3, kGetBlock + std::string(16000, '\xbe'), kFlagEndStream);
  for (int i = 0; i < 200; ++i) connection.client.Feed(bomb, kKtime);
  EXPECT_LE(connection.requests.messages.back().head.size(), (256U << 10) + 100);
  EXPECT_LT(connection.client.held_bytes(), 32U << 10);
  connection.Finish();
}

TEST(Http2LimitsTest, EmptyFramesCostNothing) {
  Http2Connection connection;
  const std::uint64_t most = MostHeld(connection, 100'000, [](int i) {
    return Data(1, "") + Frame(FrameType::kWindowUpdate, 0, Odd(i), Uint32(1)) + Settings() +
           Frame(static_cast<FrameType>(0x77), 0, Odd(i));
  });
  EXPECT_LT(most, 8U << 10);
  connection.Finish();
  EXPECT_TRUE(connection.requests.messages.empty());
}

TEST(Http2LimitsTest, AFrameOfTheLargestLengthIsNotHeld) {
  Http2Connection connection;
  std::string header("\xff\xff\xff", 3);
  header += std::string("\x77\0\0\0\0\x01", 6);
  connection.client.Feed(header, kKtime);
  EXPECT_LT(MostHeld(connection, 1000, [](int) { return std::string(16000, 'x'); }), 8U << 10);
  connection.Finish();
}

TEST(Http2LimitsTest, ABodyIsCutAtItsLimitAndCounted) {
  ParserLimits limits;
  limits.body_bytes = 10;
  Http2Connection connection(http2::Start::kOfClient, http2::Start::kOfServer, limits);
  Encoder encoder;
  connection.client.Feed(Headers(1, encoder.Block(kGet)), kKtime);
  connection.client.Feed(Data(1, std::string(100, 'x'), kFlagEndStream), kKtime);
  EXPECT_EQ(connection.requests.messages,
            (Messages{WithCut(Http2Request(1, kGet, std::string(10, 'x')), 90)}));
  connection.Finish();
}

TEST(Http2LimitsTest, GoesOnWithAnySmallBudget) {
  const std::string body(3000, 'b');
  for (std::uint64_t budget = 0; budget < 20'000; budget += 97) {
    Http2Connection connection(http2::Start::kOfClient, http2::Start::kOfServer, {}, budget);
    Encoder encoder;
    for (int i = 0; i < 4; ++i) {
      std::string bytes = Headers(Odd(i), encoder.Block(kGet));
      bytes += Data(Odd(i), body, kFlagEndStream);
      connection.client.Feed(bytes, kKtime);
      ASSERT_EQ(connection.client.held_bytes(), connection.budget.used_bytes());
    }
    connection.Finish();
    for (const Message& message : connection.requests.messages) {
      ASSERT_TRUE(!message.complete || message.head == Head(kGet)) << budget;
    }
  }
}

}  // namespace
}  // namespace tlscope
