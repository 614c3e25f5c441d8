// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parsers/content/compressed.h"
#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

const Fields kCall = {{":method", "POST"},
                      {":scheme", "https"},
                      {":path", "/pkg.Service/Method"},
                      {"content-type", "application/grpc+proto"},
                      {"grpc-encoding", "gzip"}};
const Fields kAnswer = {{":status", "200"}, {"content-type", "application/grpc"}};
const Fields kOkStatus = {{"grpc-status", "0"}};
constexpr char kRpc[] = "/pkg.Service/Method";

/// One Length-Prefixed-Message.
std::string Prefixed(std::string_view message, bool compressed = false) {
  return std::string(1, compressed ? '\1' : '\0') +
         Uint32(static_cast<std::uint32_t>(message.size())) + std::string(message);
}

/// The messages of `input`, which are the same in every split.
Messages InEverySplit(const Http2Input& input) {
  Messages messages = ParseHttp2(input);
  ExpectHttp2ForEverySplit(input, messages);
  return messages;
}

/// What the client says before a response: the call that it answers. Http2Connection has sent the
/// preface.
std::string Call() {
  Encoder encoder;
  return Headers(1, encoder.Block(kCall)) + Data(1, Prefixed("question"), kFlagEndStream);
}

/// What is told of the messages of a call: their bodies by part, and which of them are gRPC's.
struct Told {
  std::string body;
  std::uint32_t part;
  bool last;
  bool grpc;
  bool operator==(const Told&) const = default;
};

std::vector<Told> Tell(const Messages& messages) {
  std::vector<Told> told;
  for (const Message& message : messages) {
    told.push_back({message.body, message.part, message.last_part, message.grpc});
    EXPECT_EQ(message.rpc, kRpc);
  }
  return told;
}

TEST(Http2GrpcTest, AUnaryRequestIsOneMessageWithItsMethod) {
  const Messages messages = InEverySplit({Role::kRequest, Call(), {}});
  EXPECT_EQ(Tell(messages), (std::vector<Told>{{"question", 0, false, true}}));
  EXPECT_EQ(messages[0].head, Head(kCall));
  EXPECT_TRUE(messages[0].complete);
}

TEST(Http2GrpcTest, AUnaryResponseIsItsMessageThenItsStatus) {
  Encoder encoder;
  std::string bytes = Headers(1, encoder.Block(kAnswer)) + Data(1, Prefixed("answer"));
  bytes += Headers(1, encoder.Block({{"grpc-status", "5"}, {"grpc-message", "no such thing"}}),
                   kFlagEndStream);
  const Messages messages = InEverySplit({Role::kResponse, bytes, Call()});
  EXPECT_EQ(Tell(messages), (std::vector<Told>{{"answer", 1, false, true}, {"", 2, true, false}}));
  EXPECT_EQ(messages[0].head, Head(kAnswer));
  EXPECT_EQ(messages[1].trailers, "grpc-status: 5\r\ngrpc-message: no such thing\r\n");
  EXPECT_EQ(messages[1].exchange, 1U);
  EXPECT_TRUE(messages[1].complete);
}

TEST(Http2GrpcTest, AResponseOfTrailersOnlyIsItsHead) {
  Encoder encoder;
  Fields only = kAnswer;
  only.emplace_back("grpc-status", "12");
  const Messages messages =
      InEverySplit({Role::kResponse, Headers(1, encoder.Block(only), kFlagEndStream), Call()});
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].head, Head(only));
  EXPECT_EQ(messages[0].rpc, kRpc);
  EXPECT_TRUE(messages[0].complete);
}

TEST(Http2GrpcTest, EachMessageOfAStreamLeavesWhenItIsWholeHoweverFramesCutIt) {
  const std::string first = Prefixed("one");
  const std::string all = first + Prefixed("") + Prefixed("three");
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    SCOPED_TRACE(cut);
    Encoder encoder;
    std::string bytes = Headers(1, encoder.Block(kCall)) + Data(1, all.substr(0, cut));
    bytes += Data(1, all.substr(cut)) + Data(1, "", kFlagEndStream);
    const Messages messages = InEverySplit({Role::kRequest, bytes, {}});
    EXPECT_EQ(Tell(messages), (std::vector<Told>{{"one", 1, false, true},
                                                 {"", 2, false, true},
                                                 {"three", 3, false, true},
                                                 {"", 4, true, false}}));
  }
}

TEST(Http2GrpcTest, MessagesOfBothDirectionsLeaveAsTheyArrive) {
  Encoder requests;
  Encoder responses;
  Http2Connection connection;
  connection.client.Feed(Headers(1, requests.Block(kCall)), kKtime);
  connection.server.Feed(Headers(1, responses.Block(kAnswer)), kKtime);
  for (const char* text : {"a", "b", "c"}) {
    connection.client.Feed(Data(1, Prefixed(text)), kKtime);
    EXPECT_EQ(connection.requests.messages.back().body, text);
    connection.server.Feed(Data(1, Prefixed(text)), kKtime);
    EXPECT_EQ(connection.responses.messages.back().body, text);
  }
  connection.client.Feed(Data(1, "", kFlagEndStream), kKtime);
  connection.server.Feed(Headers(1, responses.Block(kOkStatus), kFlagEndStream), kKtime);
  EXPECT_EQ(connection.requests.messages.size(), 4U);
  EXPECT_EQ(connection.responses.messages.size(), 4U);
  EXPECT_EQ(connection.responses.messages.back().trailers, Lines(kOkStatus));
  connection.Finish();
}

TEST(Http2GrpcTest, TakesTheCompressionOffMessagesThatAreMarked) {
  Encoder encoder;
  const std::string text(100, 'x');
  const std::string bytes = Headers(1, encoder.Block(kCall)) + Data(1, Prefixed(Gzip(text), true)) +
                            Data(1, Prefixed("plain")) +
                            Data(1, Prefixed(Gzip("again"), true), kFlagEndStream);
  const Messages messages = InEverySplit({Role::kRequest, bytes, {}});
  EXPECT_EQ(Tell(messages),
            (std::vector<Told>{
                {text, 1, false, true}, {"plain", 2, false, true}, {"again", 3, true, true}}));
  EXPECT_EQ(messages[0].decoded_from, "gzip");
  EXPECT_EQ(messages[1].decoded_from, "");
  EXPECT_EQ(messages[2].decoded_from, "gzip");
}

TEST(Http2GrpcTest, WhatIsNoMessageIsShownAsDataAndIncomplete) {
  Encoder encoder;
  const std::string bytes = Headers(1, encoder.Block(kCall)) + Data(1, Prefixed("good")) +
                            Data(1, "\x07not one", kFlagEndStream);
  const Messages messages = InEverySplit({Role::kRequest, bytes, {}});
  EXPECT_EQ(Tell(messages),
            (std::vector<Told>{{"good", 1, false, true}, {"\x07not one", 2, true, false}}));
  EXPECT_FALSE(messages[1].complete);
}

TEST(Http2GrpcTest, AMessageThatIsCutShortIsNotTakenForAWholeOne) {
  Encoder encoder;
  const std::string bytes = Headers(1, encoder.Block(kCall)) +
                            Data(1, Prefixed("whole") + Prefixed("broken off").substr(0, 9)) +
                            Frame(FrameType::kRstStream, 0, 1, Uint32(8));
  const Messages messages = InEverySplit({Role::kRequest, bytes, {}});
  EXPECT_EQ(Tell(messages),
            (std::vector<Told>{{"whole", 1, false, true}, {"brok", 2, true, false}}));
  EXPECT_FALSE(messages[1].complete);
}

TEST(Http2GrpcTest, NoLossMakesAWrongMessage) {
  Encoder encoder;
  std::string bytes = Headers(1, encoder.Block(kCall));
  const std::vector<std::string> sent = {"first", "second", "third", "fourth"};
  for (const std::string& text : sent) bytes += Data(1, Prefixed(text));
  bytes += Data(1, "", kFlagEndStream);
  for (std::size_t begin = 0; begin < bytes.size(); ++begin) {
    for (const std::size_t length : {1, 3, 9, 14, 30}) {
      SCOPED_TRACE(testing::Message() << begin << "+" << length);
      Http2Connection connection;
      const std::size_t end = std::min(begin + length, bytes.size());
      connection.client.Feed(bytes.substr(0, begin), kKtime);
      connection.client.Gap(end - begin, kKtime);
      connection.client.Feed(bytes.substr(end), kKtime);
      connection.Finish();
      for (const Message& message : connection.requests.messages) {
        if (!message.grpc || !message.gaps.empty() || message.part == 0) continue;
        ASSERT_NE(std::find(sent.begin(), sent.end(), message.body), sent.end()) << message.body;
      }
    }
  }
}

TEST(Http2GrpcTest, ManyCallsThatAreAnsweredOtherwiseLeaveNothingBehind) {
  Encoder requests;
  Encoder responses;
  Http2Connection connection;
  const std::string refusal = responses.Block({{":status", "503"}});
  std::uint64_t held = 0;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    connection.client.Feed(
        Headers(2 * i + 1, requests.Block(kCall)) + Data(2 * i + 1, "", kFlagEndStream), kKtime);
    connection.server.Feed(Headers(2 * i + 1, refusal, kFlagEndStream), kKtime);
    if (i == 0) held = connection.client.held_bytes();
  }
  EXPECT_EQ(connection.client.held_bytes(), held);
  connection.Finish();
}

TEST(GrpcContentTypeTest, IsGrpcAloneOrWithAFormat) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc;a=b"}) {
    EXPECT_TRUE(grpc::IsGrpc(type)) << type;
  }
  for (const char* type : {"application/grpc-web", "application/grpcx", "text/plain", ""}) {
    EXPECT_FALSE(grpc::IsGrpc(type)) << type;
  }
}

}  // namespace
}  // namespace tlscope
