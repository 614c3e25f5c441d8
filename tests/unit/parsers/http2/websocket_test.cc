// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parsers/http2/http2_testing.h"
#include "tests/unit/parsers/websocket/websocket_frames.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary
using websocket::Opcode;

const Fields kOpen = {{":method", "CONNECT"},
                      {":protocol", "websocket"},
                      {":scheme", "https"},
                      {":path", "/chat"},
                      {":authority", "a.example"}};
const Fields kAccept = {{":status", "200"}};
const Fields kAcceptDeflate = {{":status", "200"},
                               {"sec-websocket-extensions", "permessage-deflate"}};

Message Part(Message message, std::uint32_t part, std::uint64_t content, bool last = false) {
  message.part = part;
  message.last_part = last;
  message.content_bytes = content;
  return message;
}

/// The last part of a tunnel: no body, and how much went through it.
Message End(Message message, std::uint64_t content) {
  message.head.clear();
  message.method.clear();
  message.target.clear();
  return Part(std::move(message), 2, content, true);
}

Message SocketMessage(FrameKind kind, std::string body) {
  Message message = MakeMessage(ParserType::kWebSocket, {}, std::move(body));
  message.packet = PacketType::kWebSocket;
  message.frame = kind;
  message.stream_id = 3;
  return message;
}

/// A stream that was opened for a WebSocket and accepted; what follows on it.
class Http2WebSocketTest : public testing::Test {
 protected:
  void Accept(const Fields& answer = kAccept) {
    connection_.client.Feed(Headers(3, requests_.Block(kOpen)), kKtime);
    connection_.server.Feed(Headers(3, responses_.Block(answer)), kKtime);
  }

  /// Feeds frames of one direction of stream 3 in pieces of `grain` bytes.
  static void Feed(http2::Http2Parser& parser, std::string_view bytes, std::size_t grain) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(grain, bytes.size()))) {
      parser.Feed(bytes.substr(0, grain), kKtime);
    }
  }

  Encoder requests_;
  Encoder responses_;
  Http2Connection connection_;
};

TEST_F(Http2WebSocketTest, ShowsMessagesOfBothDirectionsHoweverTheyAreCut) {
  const std::string sent = Frame({.fin = false, .masked = true}, "hel") +
                           Frame({Opcode::kPing, true, 0, true}, "p") +
                           Frame({Opcode::kContinuation, true, 0, true}, "lo") +
                           Frame({Opcode::kClose, true, 0, true},
                                 "\x03\xe8"
                                 "bye");
  const std::string answered = Frame({}, "hello yourself") + Frame({Opcode::kBinary}, "\1\2");
  Message close = SocketMessage(FrameKind::kClose, "bye");
  close.close_code = 1000;
  for (std::size_t cut = 0; cut <= sent.size(); ++cut) {
    for (const std::size_t grain : {1, 5, 1000}) {
      SCOPED_TRACE(testing::Message() << cut << " " << grain);
      Encoder requests;
      Encoder responses;
      Http2Connection connection;
      connection.client.Feed(Headers(3, requests.Block(kOpen)), kKtime);
      connection.server.Feed(Headers(3, responses.Block(kAccept)), kKtime);
      Feed(connection.client,
           Data(3, sent.substr(0, cut)) + Data(3, sent.substr(cut), kFlagEndStream), grain);
      Feed(connection.server, Data(3, answered, kFlagEndStream), grain);
      Message head = Http2Request(3, kOpen);
      ASSERT_EQ(
          connection.requests.messages,
          (Messages{Part(head, 1, 0), SocketMessage(FrameKind::kPing, "p"),
                    SocketMessage(FrameKind::kText, "hello"), close, End(head, sent.size())}));
      Message answer = Http2Response(3, kAccept);
      ASSERT_EQ(
          connection.responses.messages,
          (Messages{Part(answer, 1, 0), SocketMessage(FrameKind::kText, "hello yourself"),
                    SocketMessage(FrameKind::kBinary, "\1\2"), End(answer, answered.size())}));
      EXPECT_EQ(connection.client.held_bytes() + connection.server.held_bytes(),
                connection.budget.used_bytes());
      connection.Finish();
    }
  }
}

TEST_F(Http2WebSocketTest, TakesOffTheCompressionThatWasAgreedTo) {
  MessageDeflater client;
  MessageDeflater server;
  Accept(kAcceptDeflate);
  for (const char* text : {"hello", "hello again"}) {
    const FrameSpec masked{Opcode::kText, true, 4, true};
    connection_.client.Feed(Data(3, Frame(masked, client.Deflate(text))), kKtime);
    connection_.server.Feed(Data(3, Frame({Opcode::kText, true, 4}, server.Deflate(text))), kKtime);
    for (const Messages* messages :
         {&connection_.requests.messages, &connection_.responses.messages}) {
      EXPECT_EQ(messages->back().body, text);
      EXPECT_EQ(messages->back().decoded_from, "permessage-deflate");
    }
  }
  EXPECT_EQ(connection_.client.held_bytes() + connection_.server.held_bytes(),
            connection_.budget.used_bytes());
  connection_.Finish();
}

TEST_F(Http2WebSocketTest, ARefusedOneIsNone) {
  const Fields refusal = {{":status", "403"}};
  connection_.client.Feed(Headers(3, requests_.Block(kOpen)), kKtime);
  connection_.server.Feed(Headers(3, responses_.Block(refusal)) + Data(3, "no", kFlagEndStream),
                          kKtime);
  EXPECT_EQ(connection_.responses.messages, (Messages{Http2Response(3, refusal, "no")}));
  connection_.Finish();
}

TEST_F(Http2WebSocketTest, ShowsWhatIsNoWebSocketAsTheTunnelsData) {
  Accept();
  const std::string frame = Frame({.masked = true}, "hi");
  connection_.client.Feed(Data(3, frame + "\x7fno frame"), kKtime);
  connection_.client.Feed(Data(3, "more", kFlagEndStream), kKtime);
  Messages& messages = connection_.requests.messages;
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[1], SocketMessage(FrameKind::kText, "hi"));
  EXPECT_EQ(messages[2].body, "\x7fno frame");
  EXPECT_EQ(messages[2].parser, ParserType::kHttp2Request);
  EXPECT_EQ(messages[3].body, "more");
  EXPECT_TRUE(messages[3].last_part);
  EXPECT_EQ(messages[3].content_bytes, frame.size() + 13);
  connection_.Finish();
}

TEST_F(Http2WebSocketTest, JumpsOverWhatIsLostInAPayloadAndElseShowsTheRestAsData) {
  Accept();
  const std::string frame = Data(3, Frame({}, "0123456789"));
  connection_.server.Feed(frame.substr(0, 14), kKtime);
  connection_.server.Gap(3, kKtime);
  connection_.server.Feed(frame.substr(17), kKtime);
  Messages& messages = connection_.responses.messages;
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1], WithGap(SocketMessage(FrameKind::kText, "0126789"), 3, 3));

  const std::string next = Data(3, Frame({}, "lost") + Frame({}, "seen"));
  connection_.server.Feed(next.substr(0, 9), kKtime);
  connection_.server.Gap(1, kKtime);
  connection_.server.Feed(next.substr(10), kKtime);
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[2].body, next.substr(10));
  EXPECT_EQ(messages[2].gaps, (std::vector<BodyGap>{{0, 1}}));
  connection_.Finish();
}

TEST_F(Http2WebSocketTest, ALossOfFramesEndsItHonestly) {
  Accept();
  connection_.client.Feed(Data(3, Frame({.fin = false, .masked = true}, "begun")), kKtime);
  connection_.client.Gap(100, kKtime);
  Messages& messages = connection_.requests.messages;
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1], Incomplete(SocketMessage(FrameKind::kText, "begun")));
  const std::string ping = Frame(FrameType::kPing, 0, 0, "pingpong");
  connection_.client.Feed(ping + Data(3, "whatever", kFlagEndStream), kKtime);
  EXPECT_EQ(messages.back().body, "whatever");
  EXPECT_FALSE(messages.back().complete);
  connection_.Finish();
}

TEST_F(Http2WebSocketTest, EndsWithTheStream) {
  Accept();
  connection_.client.Feed(Data(3, Frame({.fin = false, .masked = true}, "begun")), kKtime);
  connection_.server.Feed(Frame(FrameType::kRstStream, 0, 3, Uint32(8)), kKtime);
  Messages& messages = connection_.requests.messages;
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[1], Incomplete(SocketMessage(FrameKind::kText, "begun")));
  EXPECT_TRUE(messages[2].last_part);
  EXPECT_FALSE(messages[2].complete);
  connection_.Finish();
}

TEST_F(Http2WebSocketTest, WithoutMemoryItsDataIsShownAsItIs) {
  Http2Connection connection(http2::Start::kOfClient, http2::Start::kOfServer, {}, 12'000);
  connection.client.Feed(Headers(3, requests_.Block(kOpen)), kKtime);
  ASSERT_TRUE(connection.budget.Take(12'000 - connection.budget.used_bytes() - 900));
  connection.server.Feed(Headers(3, responses_.Block(kAccept)), kKtime);
  connection.server.Feed(Data(3, Frame({}, "hi")), kKtime);
  for (const Message& message : connection.responses.messages) {
    EXPECT_NE(message.parser, ParserType::kWebSocket);
  }
}

}  // namespace
}  // namespace tlscope
