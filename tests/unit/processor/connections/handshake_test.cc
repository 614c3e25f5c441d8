// SPDX-License-Identifier: Apache-2.0
//
// What handshakes tell reaches the connections they are of, and decides what these speak.
#include <gmock/gmock.h>

#include "processor/connections/handshake_table.h"
#include "tests/unit/parsers/tls/hello_builder.h"
#include "tests/unit/processor/connections/processor_fixture.h"

namespace tlscope::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr std::uint64_t kSock = 0xffff'8881'2345'6780;
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// A SETTINGS frame, then HEADERS with `:status: 200` that end stream 1.
constexpr std::string_view kHttp2Response("\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88", 19);

class HandshakeTest : public ProcessorTest {
 protected:
  /// Of the SSL object; `sock` 0: without a socket.
  void Handshake(std::uint8_t kind, std::string_view bytes, std::uint64_t sock = 0) {
    HandshakeRecord record(kind, bytes);
    record.wire.ssl_generation = ssl.generation;
    SetSocket(record, sock);
    Take(record.Encode());
  }
  /// Of a socket whose SSL object is not known.
  void TellOfSocket(std::uint8_t kind, std::string_view bytes, std::uint64_t sock) {
    HandshakeRecord record(kind, bytes);
    record.wire.ssl = 0;
    record.wire.ssl_generation = 0;
    SetSocket(record, sock);
    Take(record.Encode());
  }
  const HandshakeFacts& Facts() const { return seen.messages.back().connection.handshake; }

  TracedSsl ssl;

 private:
  static void SetSocket(HandshakeRecord& record, std::uint64_t sock) {
    if (sock == 0) return;
    record.wire.sock = sock;
    record.wire.sock_generation = 1;
    record.wire.tuple = Ipv4Tuple();
  }
};

TEST_F(HandshakeTest, IsKnownOfTheMessagesThatFollow) {
  const auto offers = ServerNameExtension("a.example") + ProtocolsExtension({"http/1.1"});
  Handshake(TLSCOPE_CLIENT_HELLO, ClientHello(offers));
  Handshake(TLSCOPE_SERVER_HELLO, ServerHello(VersionExtension(0x0304)));
  Handshake(TLSCOPE_ALPN, "http/1.1");
  Write(ssl, kGet);
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(Facts().version, 0x0304);
  EXPECT_EQ(Facts().server_name, "a.example");
  EXPECT_EQ(Facts().protocol, "http/1.1");
}

TEST_F(HandshakeTest, IsPublishedPartByPart) {
  Handshake(TLSCOPE_CLIENT_HELLO, ClientHello(ProtocolsExtension({"h2", "x"})), kSock);
  Handshake(TLSCOPE_SERVER_HELLO, ServerHello(VersionExtension(0x0304)), kSock);
  ASSERT_THAT(seen.handshakes, SizeIs(2));
  EXPECT_THAT(seen.handshakes[0].offers, ElementsAre("h2", "x"));
  EXPECT_EQ(seen.handshakes[0].told.version, 0);
  EXPECT_EQ(seen.handshakes[0].connection.tuple.remote.port, 443);
  EXPECT_EQ(seen.handshakes[1].kind, SSLHandshakeEvent::Kind::kServerHello);
  EXPECT_EQ(seen.handshakes[1].told.version, 0x0304);
}

TEST_F(HandshakeTest, OfASocketIsThatOfTheSslObjectFoundOnIt) {
  TellOfSocket(TLSCOPE_SERVER_HELLO, ServerHello(VersionExtension(0x0304)), kSock);
  TellOfSocket(TLSCOPE_SERVER_HELLO, ServerHello("", 0x0301), kSock + 64);
  Handshake(TLSCOPE_ALPN, "http/1.1");
  DataRecord record = ssl.Call(TLSCOPE_WRITE, kGet, kStart);
  record.wire.socket_pending = 1;
  Take(record.Encode());
  tlscope_ssl_socket found = MakeSslSocket(kSock);
  Take(BytesOf(found));
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(Facts().version, 0x0304);
  EXPECT_EQ(Facts().protocol, "http/1.1");
}

TEST_F(HandshakeTest, EndsWithItsConnection) {
  Handshake(TLSCOPE_SERVER_HELLO, ServerHello(VersionExtension(0x0304)));
  Take(BytesOf(ssl.End()));
  Write(ssl, kGet);
  EXPECT_EQ(Facts().version, 0);

  TellOfSocket(TLSCOPE_SERVER_HELLO, ServerHello(VersionExtension(0x0304)), kSock);
  CloseSocket(kSock);
  TracedSsl other{.ssl = 0x7f00'0000'2000, .sock = kSock};
  Write(other, kGet);
  EXPECT_EQ(Facts().version, 0);
}

TEST_F(HandshakeTest, OfAnEarlierConnectionOfTheObjectIsForgotten) {
  Handshake(TLSCOPE_ALPN, "http/1.1", kSock);
  Handshake(TLSCOPE_SERVER_HELLO, ServerHello(VersionExtension(0x0304)), kSock + 64);
  ssl.sock = kSock + 64;
  Write(ssl, kGet);
  EXPECT_EQ(Facts().version, 0x0304);
  EXPECT_EQ(Facts().protocol, "");
}

TEST_F(HandshakeTest, DecidesForHttp2AtTheFirstByte) {
  Handshake(TLSCOPE_ALPN, "h2");
  for (const char byte : kHttp2Response) Read(ssl, {&byte, 1});
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.parser, ParserType::kHttp2Response);
  EXPECT_EQ(seen.messages[0].message.status, 200);
}

TEST_F(HandshakeTest, DecidesAgainstWhatWasNotAgreedTo) {
  Handshake(TLSCOPE_ALPN, "http/1.1");
  Read(ssl, kHttp2Response);
  processor->Close(kStart + kSecond);
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.parser, ParserType::kUnknown);
}

TEST_F(HandshakeTest, LeavesWhatHasAnotherNameToTheBytes) {
  Handshake(TLSCOPE_ALPN, "acme");
  Write(ssl, kGet);
  EXPECT_THAT(seen.messages, SizeIs(1));
}

TEST_F(HandshakeTest, TellsNothingWhenItCannotBeRead) {
  Handshake(TLSCOPE_SERVER_HELLO, "garbage");
  Write(ssl, kGet);
  EXPECT_EQ(Facts().version, 0);
  EXPECT_EQ(stats().decode_errors, 0U);
}

TEST(HandshakeTableTest, ForgetsTheOldestBeyondItsBound) {
  HandshakeTable table(RandomHashKey());
  HandshakeFacts told;
  told.version = 0x0304;
  SSLHandshakeEvent event;
  for (std::uint64_t number = 1; number <= HandshakeTable::kMax + 1; ++number) {
    event.ssl = {1, number, 1};
    EXPECT_EQ(table.Add(event, told), number <= HandshakeTable::kMax);
  }
  EXPECT_EQ(table.size(), HandshakeTable::kMax);
  EXPECT_EQ(table.Find({1, 1, 1}, {}).version, 0);
  EXPECT_EQ(table.Find({1, 2, 1}, {}).version, 0x0304);
  table.Forget(SslId{1, 2, 1});
  EXPECT_EQ(table.size(), HandshakeTable::kMax - 1);
}

}  // namespace
}  // namespace tlscope::testing
