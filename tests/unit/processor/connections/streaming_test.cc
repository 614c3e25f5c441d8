// SPDX-License-Identifier: Apache-2.0
//
// Connections that go on for long: WebSockets, and responses that leave in parts.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/parsers/websocket/websocket_frames.h"
#include "tests/unit/processor/connections/processor_fixture.h"

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using namespace testing;  // NOLINT(google-build-using-namespace)
using testing_support::Frame;
using testing_support::MessageDeflater;
using websocket::Opcode;

constexpr std::string_view kHandshake =
    "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n";

class StreamingTest : public ProcessorTest {
 protected:
  /// Name and body of each message so far.
  std::vector<std::string> Said() const {
    std::vector<std::string> said;
    for (const auto& message : seen.messages) {
      said.push_back(std::string(ParserName(message.message.parser)) + ":" + message.message.body);
    }
    return said;
  }
  TracedSsl ssl;
};

TEST_F(StreamingTest, ReadsAWebSocketBothWaysAfterItsHandshake) {
  MessageDeflater client;
  MessageDeflater server;
  Write(ssl, kHandshake);
  Read(ssl, std::string(kSwitching) + Frame({.rsv = 4}, server.Deflate("welcome")));
  server.Forget();
  Write(ssl, Frame({.rsv = 4, .masked = true}, client.Deflate("again and again")));
  Write(ssl, Frame({.rsv = 4, .masked = true}, client.Deflate("again and again")));
  Read(ssl, Frame({.rsv = 4}, server.Deflate("bye")) + Frame({.opcode = Opcode::kClose}, ""));
  EXPECT_THAT(Said(), ElementsAre("HTTPRequest:", "HTTPResponse:", "WebSocket:welcome",
                                  "WebSocket:again and again", "WebSocket:again and again",
                                  "WebSocket:bye", "WebSocket:"));
  EXPECT_EQ(stats().exchanges, 1U);
}

TEST_F(StreamingTest, ReadsWebSocketFramesThatComeBeforeTheRequestSideMoves) {
  Write(ssl, kHandshake);
  Read(ssl, kSwitching);
  for (const char byte : Frame({}, "split")) Read(ssl, {&byte, 1});
  for (const char byte : Frame({.masked = true}, "answer")) Write(ssl, {&byte, 1});
  EXPECT_THAT(Said(),
              ElementsAre("HTTPRequest:", "HTTPResponse:", "WebSocket:split", "WebSocket:answer"));
}

TEST_F(StreamingTest, ShowsWhatFollowsLostFramesAsRawBytes) {
  Write(ssl, kHandshake);
  Read(ssl, std::string(kSwitching) + Frame({}, "first"));
  ssl.offset[TLSCOPE_READ] += 5;
  Read(ssl, Frame({}, "second"));
  processor->Close(kStart);
  EXPECT_THAT(Said(), ElementsAre("HTTPRequest:", "HTTPResponse:", "WebSocket:first",
                                  "DefaultParser:" + Frame({}, "second")));
  EXPECT_EQ(seen.messages.back().message.gaps.size(), 1U);
}

TEST_F(StreamingTest, LeavesOtherUpgradesToDetection) {
  Write(ssl, "GET / HTTP/1.1\r\nUpgrade: other\r\n\r\n");
  Read(ssl, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\nbytes of another kind");
  processor->Close(kStart);
  EXPECT_THAT(Said(),
              ElementsAre("HTTPRequest:", "HTTPResponse:", "DefaultParser:bytes of another kind"));
}

TEST_F(StreamingTest, PublishesEachEventAtOnceAndTheExchangeAtTheEnd) {
  Write(ssl, "GET /events HTTP/1.1\r\n\r\n");
  Read(ssl, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 18\r\n\r\n");
  EXPECT_EQ(seen.messages.size(), 2U);
  Read(ssl, "data: a\n\n");
  EXPECT_EQ(seen.messages.size(), 3U);
  EXPECT_EQ(stats().exchanges, 0U);
  Read(ssl, "data: b\n\n");
  EXPECT_EQ(seen.messages.size(), 5U);
  EXPECT_EQ(stats().exchanges, 1U);
}

TEST_F(StreamingTest, PublishesWholeLinesWhenNothingComesForATick) {
  Write(ssl, "GET /lines HTTP/1.1\r\n\r\n");
  Read(ssl, "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{\"a\":1}\n{\"b\"");
  EXPECT_EQ(seen.messages.size(), 2U);
  processor->Tick(kStart + 100 * kMillisecond - 1);
  EXPECT_EQ(seen.messages.size(), 2U);
  processor->Tick(kStart + 100 * kMillisecond);
  ASSERT_EQ(seen.messages.size(), 3U);
  EXPECT_EQ(seen.messages.back().message.body, "{\"a\":1}\n");
  processor->Tick(kStart + 200 * kMillisecond);
  EXPECT_EQ(seen.messages.size(), 3U);
  Read(ssl, ":2}\n", kStart + 300 * kMillisecond);
  processor->Tick(kStart + 400 * kMillisecond);
  ASSERT_EQ(seen.messages.size(), 4U);
  EXPECT_EQ(seen.messages.back().message.body, "{\"b\":2}\n");
}

}  // namespace
}  // namespace tlscope
