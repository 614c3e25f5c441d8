// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

constexpr unsigned kEnd = kFlagEndStream;

std::string Get(Encoder& encoder, std::uint32_t stream_id) {
  return Headers(stream_id, encoder.Block(kGet), kEnd);
}

TEST(Http2ParserTest, ReadsARequestWithoutBody) {
  Encoder encoder;
  ExpectHttp2ForEverySplit({Role::kRequest, Settings() + Get(encoder, 1), {}},
                           {Http2Request(1, kGet)});
}

TEST(Http2ParserTest, ReadsAResponseWithABodyInSeveralFrames) {
  Encoder encoder;
  ExpectHttp2ForEverySplit({Role::kResponse,
                            Settings() + Headers(1, encoder.Block(kOkFields)) + Data(1, "he") +
                                Data(1, "") + Data(1, "llo", kEnd),
                            {}},
                           {Http2Response(1, kOkFields, "hello")});
}

TEST(Http2ParserTest, ReadsAConnectionFromItsPrefaceOnInEverySplit) {
  Encoder encoder;
  const std::string bytes = std::string(http2::kPreface) + Settings() + Get(encoder, 1);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    ByteBudget budget(1U << 20);
    ParserContext context{{}, budget};
    Recorder recorder;
    http2::Http2Parser parser(http2::Start::kOfClient, context, recorder);
    parser.Feed(bytes.substr(0, cut), kKtime);
    parser.Feed(bytes.substr(cut), kKtime);
    ASSERT_EQ(recorder.messages, (Messages{Http2Request(1, kGet)})) << cut;
    parser.Finish(StreamEnd::kClosed);
  }
}

// RFC 9113 6.5.2: what one side's SETTINGS allow concerns the other side's frames.
TEST(Http2ParserTest, FollowsSettingsOfBothSides) {
  const std::string allow = Setting(1, 65536) + Setting(5, 1U << 20);
  const std::string body(100'000, 'b');
  Encoder requests(65536);
  Encoder responses(65536);
  requests.ResizeTable(65536);
  responses.ResizeTable(65536);
  Http2Connection connection;
  connection.client.Feed(Settings(allow), kKtime);
  connection.server.Feed(Settings(allow), kKtime);
  // More entries than a table of 4096 bytes has, then the first of them once more.
  for (std::uint32_t i = 0; i <= 100; ++i) {
    const std::uint32_t id = 2 * i + 1;
    const std::string value = std::to_string(i % 100) + std::string(200, 'v');
    const Fields request = {{":method", "POST"}, {":path", "/"}, {"x-value", value}};
    const Fields response = {{":status", "200"}, {"x-value", value}};
    connection.client.Feed(Headers(id, requests.Block(request)) + Data(id, body, kEnd), kKtime);
    connection.server.Feed(Headers(id, responses.Block(response)) + Data(id, body, kEnd), kKtime);
    ASSERT_EQ(connection.requests.messages.back(), Http2Request(id, request, body));
    ASSERT_EQ(connection.responses.messages.back(), Http2Response(id, response, body));
  }
  connection.Finish();
}

TEST(Http2ParserTest, EmitsInterleavedStreamsInTheOrderInWhichTheyEnd) {
  Encoder encoder;
  std::string bytes = Settings() + Headers(1, encoder.Block(kOkFields));
  bytes += Headers(3, encoder.Block(kOkFields));
  bytes += Headers(5, encoder.Block(kOkFields), kEnd);
  bytes += Data(1, "o") + Data(3, "three", kEnd) + Data(1, "ne", kEnd);
  ExpectHttp2ForEverySplit({Role::kResponse, bytes, {}},
                           {Http2Response(5, kOkFields), Http2Response(3, kOkFields, "three"),
                            Http2Response(1, kOkFields, "one")});
}

TEST(Http2ParserTest, JoinsAHeaderBlockOfSeveralFramesAndTakesPaddingAndPriorityOff) {
  Encoder encoder;
  const std::string block = encoder.Block(kGet);
  const std::string first = std::string("\x04") + Uint32(0) + "\x10" + block.substr(0, 3) + "pads";
  std::string bytes =
      Frame(FrameType::kHeaders, kFlagPadded | kFlagPriority, 1, first) +
      Frame(FrameType::kContinuation, 0, 1, block.substr(3, 2)) +
      Frame(FrameType::kContinuation, 0, 1) +
      Frame(FrameType::kContinuation, kFlagEndHeaders, 1, block.substr(5)) +
      Frame(FrameType::kData, kFlagPadded | kEnd, 1, std::string("\x02", 1) + "bodyPP");
  ExpectHttp2ForEverySplit({Role::kRequest, bytes, {}}, {Http2Request(1, kGet, "body")});
}

TEST(Http2ParserTest, EmitsInterimResponsesAtOnceAndKeepsTrailersApart) {
  Encoder encoder;
  const Fields hints = {{":status", "103"}, {"link", "</s.css>"}};
  const Fields trailers = {{"x-sum", "abc"}};
  std::string bytes = Settings() + Headers(1, encoder.Block(hints));
  bytes += Headers(1, encoder.Block(kOkFields)) + Data(1, "body");
  bytes += Headers(1, encoder.Block(trailers), kEnd);
  ExpectHttp2ForEverySplit({Role::kResponse, bytes, {}},
                           {Http2Response(1, hints),
                            WithTrailers(Http2Response(1, kOkFields, "body"), Lines(trailers))});
}

TEST(Http2ParserTest, TakesAPromiseForTheRequestOfItsStream) {
  Encoder encoder;
  std::string bytes = Settings();
  bytes += Frame(FrameType::kPushPromise, kFlagEndHeaders, 1, Uint32(2) + encoder.Block(kGet));
  bytes += Headers(2, encoder.Block(kOkFields)) + Data(2, "pushed", kEnd);
  ExpectHttp2ForEverySplit({Role::kResponse, bytes, {}},
                           {Http2Request(2, kGet), Http2Response(2, kOkFields, "pushed")});
}

TEST(Http2ParserTest, JoinsAPromiseOfSeveralFramesAndTakesPaddingOff) {
  Encoder encoder;
  const std::string block = encoder.Block(kGet);
  const std::string first = std::string("\x03") + Uint32(2) + block.substr(0, 4) + "pad";
  const std::string bytes = Frame(FrameType::kPushPromise, kFlagPadded, 1, first) +
                            Frame(FrameType::kContinuation, kFlagEndHeaders, 1, block.substr(4));
  ExpectHttp2ForEverySplit({Role::kResponse, bytes, {}}, {Http2Request(2, kGet)});
}

TEST(Http2ParserTest, DecodesContentAcrossDataFrames) {
  // printf hello | gzip -n
  const std::string gzip(
      "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0", 25);
  Encoder encoder;
  const Fields fields = {{":status", "200"}, {"content-encoding", "gzip"}};
  Message expected = Http2Response(1, fields, "hello");
  expected.content_bytes = gzip.size();
  expected.decoded_from = "gzip";
  expected.packet = PacketType::kGzip;
  ExpectHttp2ForEverySplit({Role::kResponse,
                            Headers(1, encoder.Block(fields)) + Data(1, gzip.substr(0, 12)) +
                                Data(1, gzip.substr(12), kEnd),
                            {}},
                           {expected});
}

TEST(Http2ParserTest, IgnoresFramesThatCarryNoMessage) {
  Encoder encoder;
  const std::string bytes =
      Settings(Setting(1, 4096) + Setting(5, 1U << 20)) + Frame(FrameType::kSettings, kFlagAck, 0) +
      Frame(FrameType::kPing, 0, 0, "pingpong") + Frame(FrameType::kWindowUpdate, 0, 0, Uint32(1)) +
      Frame(FrameType::kPriority, 0, 3, Uint32(1) + "\x10") +
      Frame(static_cast<FrameType>(0xfe), 0xff, 7, std::string(20000, 'x')) + Get(encoder, 1);
  EXPECT_EQ(ParseHttp2({Role::kRequest, bytes, {}}), (Messages{Http2Request(1, kGet)}));
}

TEST(Http2ParserTest, EmitsWhatAResetCutsShortInBothDirections) {
  Encoder requests;
  Encoder responses;
  Http2Connection connection;
  connection.client.Feed(Headers(1, requests.Block(kGet)) + Data(1, "abc"), kKtime);
  connection.server.Feed(Headers(1, responses.Block(kOkFields)) + Data(1, "de"), kKtime);
  connection.client.Feed(Frame(FrameType::kRstStream, 0, 1, Uint32(8)), kKtime);
  EXPECT_EQ(connection.requests.messages, (Messages{Incomplete(Http2Request(1, kGet, "abc"))}));
  EXPECT_EQ(connection.responses.messages,
            (Messages{Incomplete(Http2Response(1, kOkFields, "de"))}));
  connection.server.Feed(Data(1, "on its way", kEnd), kKtime);
  EXPECT_EQ(connection.responses.messages.size(), 1U);
  connection.Finish();
}

TEST(Http2ParserTest, GoAwayEndsTheStreamsThatWillNotBeAnswered) {
  Encoder encoder;
  Http2Connection connection;
  connection.client.Feed(Headers(1, encoder.Block(kGet)) + Data(1, "a"), kKtime);
  connection.client.Feed(Headers(3, encoder.Block(kGet)), kKtime);
  connection.server.Feed(Frame(FrameType::kGoAway, 0, 0, Uint32(1) + Uint32(0)), kKtime);
  EXPECT_EQ(connection.requests.messages, (Messages{Incomplete(Http2Request(3, kGet))}));
  connection.client.Feed(Data(1, "b", kEnd), kKtime);
  EXPECT_EQ(connection.requests.messages.back(), Http2Request(1, kGet, "ab"));
  connection.Finish();
}

TEST(Http2ParserTest, EndsWithWhatIsOpenIncomplete) {
  Encoder encoder;
  std::string bytes = Headers(3, encoder.Block(kGet));
  bytes += Headers(1, encoder.Block(kGet)) + Data(1, "a");
  ExpectHttp2ForEverySplit({Role::kRequest, bytes, {}}, {Incomplete(Http2Request(1, kGet, "a")),
                                                         Incomplete(Http2Request(3, kGet))});
}

Message Part(Message message, std::uint32_t part, std::uint64_t content, bool last = false) {
  message.part = part;
  message.last_part = last;
  message.content_bytes = content;
  return message;
}

Message Bare(Message message) {
  message.head.clear();
  message.method.clear();
  message.target.clear();
  return message;
}

const Fields kConnect = {{":method", "CONNECT"}, {":authority", "a.example:443"}};

TEST(Http2ParserTest, ATunnelsDataLeavesAsItComes) {
  Encoder encoder;
  Message head = Http2Request(1, kConnect);
  head.target = "a.example:443";
  Message up = Bare(Http2Request(1, kConnect, "up"));
  Message more = Bare(Http2Request(1, kConnect, "more"));
  ExpectHttp2ForEverySplit(
      {Role::kRequest,
       Headers(1, encoder.Block(kConnect)) + Data(1, "up") + Data(1, "more", kEnd),
       {}},
      {Part(head, 1, 0), Part(up, 2, 2), Part(more, 3, 6, true)});
}

TEST(Http2ParserTest, ATunnelsAnswerLeavesAsItComesToo) {
  Encoder requests;
  Encoder responses;
  const Fields extended = {{":method", "CONNECT"},
                           {":protocol", "websocket"},
                           {":scheme", "https"},
                           {":path", "/chat"},
                           {":authority", "a.example"}};
  const Fields ok = {{":status", "200"}};
  Http2Connection connection;
  connection.client.Feed(Headers(1, requests.Block(extended)), kKtime);
  connection.server.Feed(Headers(1, responses.Block(ok)), kKtime);
  ASSERT_EQ(connection.responses.messages.size(), 1U);
  EXPECT_EQ(connection.responses.messages[0], Part(Http2Response(1, ok), 1, 0));
  connection.server.Feed(Data(1, std::string(200'000, 'x')), kKtime);
  EXPECT_EQ(connection.responses.messages.size(), 5U);
  EXPECT_LT(connection.server.held_bytes(), 20'000U);
  connection.Finish();
}

TEST(Http2ParserTest, ReadsTheResponseToTheRequestThatAskedForH2c) {
  Encoder encoder;
  const std::string upgrade =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
  const std::string after = Settings() + Headers(1, encoder.Block(kOkFields), kEnd);
  Connection connection;
  connection.request.Feed("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", kKtime);
  ASSERT_EQ(connection.response.Feed(upgrade + after, kKtime), ParseStatus::kUpgrade);
  const std::string rest = connection.response.TakeRest();
  ASSERT_EQ(Detect(rest).protocol->name, "HTTP2Response");
  const auto parser = Detect(rest).protocol->make(connection.context, connection.responses);
  parser->Feed(rest, kKtime);
  EXPECT_EQ(connection.responses.messages.back(), Http2Response(1, kOkFields));
}

// RFC 7540 3.2: once it has the 101 the client goes on with the preface.
TEST(Http2ParserTest, ReadsWhatTheClientSaysAfterH2c) {
  Encoder encoder;
  Connection connection;
  connection.request.Feed("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", kKtime);
  connection.response.Feed(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", kKtime);
  const std::string bytes = std::string(http2::kPreface) + Settings() + Get(encoder, 3);
  ASSERT_EQ(connection.request.Feed(bytes, kKtime), ParseStatus::kUpgrade);
  const std::string rest = connection.request.TakeRest();
  ASSERT_EQ(Detect(rest).protocol->name, "HTTP2Request");
  const auto parser = Detect(rest).protocol->make(connection.context, connection.requests);
  parser->Feed(rest, kKtime);
  EXPECT_EQ(connection.requests.messages.back(), Http2Request(3, kGet));
}

TEST(Http2ParserTest, WhoSpeaksIsNotUnlearnt) {
  Encoder encoder;
  Http2Connection connection;
  connection.client.Feed(Headers(1, encoder.Block(kOkFields), kEnd), kKtime);
  connection.client.Feed(Get(encoder, 3), kKtime);
  ASSERT_EQ(connection.requests.messages.size(), 2U);
  EXPECT_EQ(connection.requests.messages[0].parser, ParserType::kHttp2Request);
  EXPECT_EQ(connection.requests.messages[1], Http2Request(3, kGet));
  connection.Finish();
}

TEST(Http2ParserTest, ShowsLineEndsInsideFieldsSoThatALineStaysOneField) {
  Encoder encoder;
  const Fields sent = {{":status", "200"}, {"x-a", "1\r\nx-forged: 2"}};
  const Messages messages =
      ParseHttp2({Role::kResponse, Headers(1, encoder.Block(sent), kEnd), {}});
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].head, ":status: 200\r\nx-a: 1\\x0d\\x0ax-forged: 2\r\n\r\n");
}

}  // namespace
}  // namespace tlscope
