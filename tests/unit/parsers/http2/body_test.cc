// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a stream's data, by what the stream is for.
#include "tests/unit/parsers/http2/http2_testing.h"
#include "tests/unit/parsers/websocket/websocket_frames.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

constexpr unsigned kEnd = kFlagEndStream;

const Fields kConnect = {{":method", "CONNECT"}, {":authority", "a.example:443"}};
const Fields kCall = {{":method", "POST"},
                      {":scheme", "https"},
                      {":path", "/pkg.Service/Method"},
                      {"content-type", "application/grpc"}};
const Fields kAnswer = {{":status", "200"}, {"content-type", "application/grpc"}};
const Fields kStatus = {{"grpc-status", "0"}};

std::string Prefixed(std::string_view message) {
  return std::string(1, '\0') + Uint32(static_cast<std::uint32_t>(message.size())) +
         std::string(message);
}

/// What is told of a message, or of a part of one.
struct Told {
  std::string body;
  std::uint32_t part = 0;
  bool last = false;
  bool complete = true;
  bool operator==(const Told&) const = default;
};

void PrintTo(const Told& told, std::ostream* out) {
  *out << testing::PrintToString(told.body) << " part " << told.part << (told.last ? " last" : "")
       << (told.complete ? "" : " incomplete");
}

std::vector<Told> Tell(const Messages& messages) {
  std::vector<Told> told;
  for (const Message& message : messages) {
    told.push_back({message.body, message.part, message.last_part, message.complete});
  }
  return told;
}

std::vector<bool> AreRpc(const Messages& messages) {
  std::vector<bool> rpc;
  for (const Message& message : messages) rpc.push_back(message.grpc);
  return rpc;
}

using When = std::pair<std::uint64_t, std::uint64_t>;

/// When the first and the last byte of each came.
std::vector<When> Times(const Messages& messages) {
  std::vector<When> times;
  for (const Message& message : messages) {
    times.emplace_back(message.first_ktime_ns, message.last_ktime_ns);
  }
  return times;
}

/// The response to `call`, its DATA frames having lost `lost` of the bytes at `at`.
Messages ResponseWithLoss(const std::string& bytes, std::size_t at, std::size_t lost) {
  Http2Connection connection;
  connection.server.Feed(bytes.substr(0, at), kKtime);
  connection.server.Gap(lost, kKtime);
  connection.server.Feed(bytes.substr(at + lost), kKtime);
  connection.Finish();
  return std::move(connection.responses.messages);
}

TEST(Http2BodyTest, AnAnswerThatRefusesATunnelIsAPlainMessage) {
  Encoder requests;
  Encoder responses;
  const Fields refusal = {{":status", "403"}};
  ExpectHttp2ForEverySplit(
      {Role::kResponse, Headers(1, responses.Block(refusal)) + Data(1, "n") + Data(1, "o", kEnd),
       Headers(1, requests.Block(kConnect))},
      {Http2Response(1, refusal, "no")});
}

TEST(Http2BodyTest, AnAnswerToWhatAskedForNoTunnelIsNone) {
  Encoder requests;
  Encoder responses;
  ExpectHttp2ForEverySplit(
      {Role::kResponse, Headers(1, responses.Block(kOkFields)) + Data(1, "ye") + Data(1, "s", kEnd),
       Headers(1, requests.Block(kGet), kEnd)},
      {Http2Response(1, kOkFields, "yes")});
}

TEST(Http2BodyTest, WhatIsLostInATunnelIsAGapOfItsPart) {
  Encoder encoder;
  Http2Connection connection;
  const std::string data = Data(1, "0123456789");
  connection.client.Feed(Headers(1, encoder.Block(kConnect)) + data.substr(0, 12), kKtime);
  connection.client.Gap(4, kKtime);
  connection.client.Feed(data.substr(16) + Data(1, "more", kEnd), kKtime);
  const Messages& messages = connection.requests.messages;
  EXPECT_EQ(Tell(messages),
            (std::vector<Told>{{"", 1}, {"012789", 2, false, false}, {"more", 3, true, false}}));
  EXPECT_EQ(messages[1].gaps, (std::vector<BodyGap>{{3, 4}}));
  EXPECT_TRUE(messages[2].gaps.empty());
  EXPECT_EQ(messages[2].content_bytes, 14U);
  connection.Finish();
}

TEST(Http2BodyTest, ATunnelGoesOnAfterALossOfFrames) {
  Encoder encoder;
  Http2Connection connection;
  connection.client.Feed(Headers(1, encoder.Block(kConnect)) + Data(1, "a"), kKtime);
  connection.client.Gap(100, kKtime);
  connection.client.Feed(Frame(FrameType::kPing, 0, 0, "pingpong") + Data(1, "b"), kKtime);
  connection.client.Feed(Data(1, "c", kEnd), kKtime);
  const Messages& messages = connection.requests.messages;
  EXPECT_EQ(Tell(messages),
            (std::vector<Told>{{"", 1}, {"a", 2}, {"b", 3, false, false}, {"c", 4, true, false}}));
  EXPECT_EQ(messages[2].gaps, (std::vector<BodyGap>{{0, 0}}));
  connection.Finish();
}

TEST(Http2BodyTest, WhatAClientSaysBeforeItsWebSocketIsAcceptedMakesItATunnel) {
  Encoder requests;
  Encoder responses;
  Http2Connection connection;
  const Fields open = {{":method", "CONNECT"}, {":protocol", "websocket"}, {":path", "/"}};
  const std::string masked = Frame({.masked = true}, "early");
  connection.client.Feed(Headers(1, requests.Block(open)) + Data(1, masked), kKtime);
  connection.server.Feed(Headers(1, responses.Block({{":status", "200"}})), kKtime);
  connection.client.Feed(Data(1, masked, kEnd), kKtime);
  connection.server.Feed(Data(1, Frame({}, "late"), kEnd), kKtime);
  EXPECT_EQ(Tell(connection.requests.messages),
            (std::vector<Told>{{"", 1}, {masked, 2}, {masked, 3, true}}));
  EXPECT_EQ(Tell(connection.responses.messages),
            (std::vector<Told>{{"", 1}, {"late"}, {"", 2, true}}));
  connection.Finish();
}

TEST(Http2BodyTest, EventsOfAResponseLeaveAsTheyEndHoweverFramesCutThem) {
  const std::string events = "data: 1\n\ndata: 2\n\ndata: 3";
  const Fields fields = {{":status", "200"}, {"content-type", "text/event-stream"}};
  for (std::size_t cut = 0; cut <= events.size(); ++cut) {
    SCOPED_TRACE(cut);
    Encoder encoder;
    const Http2Input input{Role::kResponse,
                           Headers(1, encoder.Block(fields)) + Data(1, events.substr(0, cut)) +
                               Data(1, events.substr(cut), kEnd),
                           {}};
    const Messages messages = ParseHttp2(input);
    ASSERT_EQ(
        Tell(messages),
        (std::vector<Told>{{"", 1}, {"data: 1\n\n", 2}, {"data: 2\n\n", 3}, {"data: 3", 4, true}}));
    EXPECT_EQ(messages[0].head, Head(fields));
    EXPECT_EQ(messages[1].content_bytes, 9U);
    EXPECT_EQ(messages[3].content_bytes, events.size());
    ExpectHttp2ForEverySplit(input, messages);
  }
}

TEST(Http2BodyTest, ARequestOfEventsLeavesWhole) {
  Encoder encoder;
  Fields fields = kGet;
  fields.emplace_back("content-type", "text/event-stream");
  ExpectHttp2ForEverySplit(
      {Role::kRequest, Headers(1, encoder.Block(fields)) + Data(1, "data: 1\n\nx", kEnd), {}},
      {Http2Request(1, fields, "data: 1\n\nx")});
}

TEST(Http2BodyTest, LinesOfAResponseLeaveWhenTheSenderPauses) {
  Encoder encoder;
  Http2Connection connection;
  http2::Http2Parser& server = connection.server;
  const Fields fields = {{":status", "200"}, {"content-type", "application/x-ndjson"}};
  server.Feed(Headers(1, encoder.Block(fields)), kKtime);
  server.Feed(Headers(3, encoder.Block(fields)), kKtime);
  EXPECT_FALSE(server.holds_part());
  server.Feed(Data(1, "one\ntwo\nth") + Data(3, "other"), kKtime);
  EXPECT_TRUE(server.holds_part());
  server.Flush();
  EXPECT_FALSE(server.holds_part());
  server.Feed(Data(1, "ree\n", kEnd) + Data(3, "\n"), kKtime);
  EXPECT_TRUE(server.holds_part());
  connection.Finish();
  EXPECT_EQ(
      Tell(connection.responses.messages),
      (std::vector<Told>{
          {"", 1}, {"", 1}, {"one\ntwo\n", 2}, {"three\n", 3, true}, {"other\n", 2, true, false}}));
}

TEST(Http2BodyTest, JumpsOverWhatIsLostInsideAMessageOfACall) {
  Encoder encoder;
  std::string bytes = Headers(1, encoder.Block(kAnswer));
  const std::size_t first = bytes.size() + 9 + 5 + 2;
  bytes += Data(1, Prefixed("0123456789")) + Data(1, Prefixed("next"));
  bytes += Headers(1, encoder.Block(kStatus), kEnd);
  const Messages messages = ResponseWithLoss(bytes, first, 3);
  EXPECT_EQ(Tell(messages),
            (std::vector<Told>{{"0156789", 1, false, false}, {"next", 2}, {"", 3, true, false}}));
  EXPECT_EQ(AreRpc(messages), (std::vector<bool>{true, true, false}));
  EXPECT_EQ(messages[0].gaps, (std::vector<BodyGap>{{2, 3}}));
}

TEST(Http2BodyTest, WhereAMessageOfACallBeginsIsNotKnownAfterALossBeyondOne) {
  Encoder encoder;
  std::string bytes = Headers(1, encoder.Block(kAnswer));
  const std::size_t first = bytes.size() + 9 + 5 + 2;
  bytes += Data(1, Prefixed("ab") + Prefixed("cd") + Prefixed("ef"));
  bytes += Headers(1, encoder.Block(kStatus), kEnd);
  // The first message is whole, the next one's prefix is not.
  const Messages messages = ResponseWithLoss(bytes, first, 3);
  EXPECT_EQ(
      Tell(messages),
      (std::vector<Told>{{"ab", 1}, {std::string("\0\2cd", 4) + Prefixed("ef"), 2, true, false}}));
  EXPECT_EQ(AreRpc(messages), (std::vector<bool>{true, false}));
  EXPECT_EQ(messages[1].gaps, (std::vector<BodyGap>{{0, 3}}));
  EXPECT_EQ(messages[1].trailers, Lines(kStatus));
}

TEST(Http2BodyTest, ALossOfFramesEndsTheMessagesOfACall) {
  Encoder encoder;
  Http2Connection connection;
  connection.server.Feed(
      Headers(1, encoder.Block(kAnswer)) + Data(1, Prefixed("abcdef").substr(0, 8)), kKtime);
  connection.server.Gap(100, kKtime);
  connection.server.Feed(Frame(FrameType::kPing, 0, 0, "pingpong") + Data(1, "xyz", kEnd), kKtime);
  const Messages& messages = connection.responses.messages;
  EXPECT_EQ(Tell(messages), (std::vector<Told>{{"abcxyz", 0, false, false}}));
  EXPECT_EQ(AreRpc(messages), (std::vector<bool>{false}));
  EXPECT_EQ(messages[0].gaps, (std::vector<BodyGap>{{3, 0}}));
  connection.Finish();
}

TEST(Http2BodyTest, TrailersBehindHalfAMessageOfACallGoWithItsData) {
  Encoder encoder;
  std::string bytes = Headers(1, encoder.Block(kAnswer)) + Data(1, Prefixed("whole"));
  bytes += Data(1, Prefixed("half").substr(0, 7));
  bytes += Headers(1, encoder.Block(kStatus), kEnd);
  const Http2Input input{Role::kResponse, bytes, {}};
  const Messages messages = ParseHttp2(input);
  EXPECT_EQ(Tell(messages), (std::vector<Told>{{"whole", 1}, {"ha", 2, true, false}}));
  EXPECT_EQ(AreRpc(messages), (std::vector<bool>{true, false}));
  EXPECT_EQ(messages[1].trailers, Lines(kStatus));
  ExpectHttp2ForEverySplit(input, messages);
}

TEST(Http2BodyTest, ACallWithoutMessagesIsItsHeadAndItsStatus) {
  Encoder encoder;
  std::string bytes = Headers(1, encoder.Block(kAnswer));
  bytes += Headers(1, encoder.Block(kStatus), kEnd);
  Message expected = WithTrailers(Http2Response(1, kAnswer), Lines(kStatus));
  expected.grpc = true;
  ExpectHttp2ForEverySplit({Role::kResponse, bytes, {}}, {expected});
}

TEST(Http2BodyTest, PartsSayWhenTheirBytesCame) {
  Encoder encoder;
  Http2Connection connection;
  http2::Http2Parser& client = connection.client;
  client.Feed(Headers(1, encoder.Block(kConnect)), 10);
  client.Feed(Data(1, "a").substr(0, 9), 11);
  client.Feed("a", 12);
  client.Feed(Data(1, "bc").substr(0, 10), 13);
  client.Feed("c", 14);
  client.Feed(Data(1, "", kEnd), 15);
  EXPECT_EQ(Times(connection.requests.messages),
            (std::vector<When>{{10, 10}, {12, 12}, {13, 14}, {14, 15}}));

  connection.requests.messages.clear();
  client.Feed(Headers(3, encoder.Block(kCall)), 20);
  const std::string two = Data(3, Prefixed("a") + Prefixed("bc"));
  client.Feed(two.substr(0, two.size() - 1), 21);
  client.Feed("c", 22);
  client.Feed(Data(3, "", kEnd), 23);
  EXPECT_EQ(Times(connection.requests.messages), (std::vector<When>{{20, 21}, {21, 22}, {22, 23}}));

  connection.requests.messages.clear();
  client.Feed(Headers(5, encoder.Block(kGet)), 30);
  client.Feed(Data(5, "a"), 31);
  client.Feed(Data(5, "", kEnd), 32);
  EXPECT_EQ(Times(connection.requests.messages), (std::vector<When>{{30, 32}}));
  connection.Finish();
}

}  // namespace
}  // namespace tlscope
