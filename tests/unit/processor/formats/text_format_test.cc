// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/text_format.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/processor/events/event_builders.h"

namespace tlscope {
namespace {

using namespace std::string_literals;

// 2026-11-21T08:54:12.123456789Z, of which 100 s had passed since the system started.
constexpr std::int64_t kOffset = 1'795'251'252'123'456'789 - 100'000'000'000;
constexpr std::uint64_t kNow = 100'000'000'000;
constexpr std::string_view kUuid = "sock:1234_1235_curl_5_1_x_0123456789abcdef";
const std::string kTail = ", Time:2026-11-21T08:54:12.123456Z, UUID:" + std::string(kUuid);
const std::string kOrigin = "PID:1234, Comm:curl, Src:127.0.0.1:54321, Dest:127.0.0.1:443" + kTail;

ConnectionInfo Connection() { return testing::CurlTo({{127, 0, 0, 1}, 443}); }

Message Request() {
  Message message;
  message.parser = ParserType::kHttp1Request;
  message.head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
  message.body = "body";
  message.first_ktime_ns = kNow;
  return message;
}

Message Raw(std::string body) {
  Message message;
  message.body = std::move(body);
  message.first_ktime_ns = kNow;
  return message;
}

std::string Render(const Message& message, const ConnectionInfo& connection = Connection(),
                   TextFormatOptions options = {}) {
  options.realtime_offset_ns = kOffset;
  TextFormat format(options);
  std::string out;
  format.Append(MessageEvent{connection, DataType::kWrite, kUuid, message}, out);
  return out;
}

/// What follows the header line.
std::string RenderBytes(const Message& message, const TextFormatOptions& options = {}) {
  const std::string text = Render(message, Connection(), options);
  return text.substr(text.find('\n') + 1);
}

TEST(TextFormatTest, WritesAHeaderLineAndTheMessageAsItIs) {
  EXPECT_EQ(Render(Request()), kOrigin +
                                   ", Name:HTTPRequest, Type:1, Length:32\n"
                                   "POST / HTTP/1.1\r\nHost: a\r\n\r\nbody\n");
}

TEST(TextFormatTest, AppendsToWhatIsThere) {
  TextFormat format({});
  std::string out = "before";
  format.Append(MessageEvent{Connection(), DataType::kRead, kUuid, Raw("x")}, out);
  EXPECT_TRUE(out.starts_with("beforePID:"));
}

TEST(TextFormatTest, SaysWhatIsSpecialAboutAMessageInOrder) {
  Message message = Request();
  message.complete = false;
  message.resynchronised = true;
  message.gaps = {{2, 1234}, {4, 1}};
  message.cut_bytes = 512;
  EXPECT_EQ(Render(message), kOrigin +
                                 ", Name:HTTPRequest, Type:1, Length:32, Incomplete:true, "
                                 "Resynchronised:true, Lost:1235, Cut:512\n"
                                 "POST / HTTP/1.1\r\nHost: a\r\n\r\nbo"
                                 "\n[tlscope: 1234 bytes lost]\ndy"
                                 "\n[tlscope: 1 bytes lost]\n"
                                 "\n[tlscope: 512 bytes cut by --tsize]\n");
}

TEST(TextFormatTest, PutsTrailersAfterTheCutTheyFollow) {
  Message message = Request();
  message.trailers = "Sum: 1\r\n";
  EXPECT_EQ(RenderBytes(message), message.head + "bodySum: 1\r\n\n");
  message.cut_bytes = 3;
  EXPECT_EQ(RenderBytes(message),
            message.head + "body\n[tlscope: 3 bytes cut by --tsize]\nSum: 1\r\n\n");
}

TEST(TextFormatTest, ShowsAGapOfUnknownSizeAndOneOutOfPlace) {
  Message message = Request();
  message.gaps = {{1, 0}, {99, 7}, {0, 8}};
  EXPECT_EQ(RenderBytes(message), message.head +
                                      "b\n[tlscope: bytes lost]\n"
                                      "ody\n[tlscope: 7 bytes lost]\n"
                                      "\n[tlscope: 8 bytes lost]\n\n");
}

TEST(TextFormatTest, WritesIpv6InBracketsAndUnknownInWords) {
  ConnectionInfo connection = Connection();
  connection.tuple.family = AddressFamily::kIpv6;
  connection.tuple.local = {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a}, 5};
  connection.tuple.remote = {{}, 65535};
  connection.tuple.remote.address[15] = 1;
  EXPECT_TRUE(Render(Request(), connection)
                  .starts_with("PID:1234, Comm:curl, Src:[2001:db8::a]:5, Dest:[::1]:65535, "));
  connection.tuple = {};
  EXPECT_TRUE(Render(Request(), connection)
                  .starts_with("PID:1234, Comm:curl, Src:unknown, Dest:unknown" + kTail));
}

TEST(TextFormatTest, CutsNothingAtANul) {
  Message message = Request();
  message.body = "a\0b"s;
  EXPECT_EQ(RenderBytes(message, {.body_view = BodyView::kShow}), message.head + "a\0b\n"s);
  message.head = "POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n";
  EXPECT_EQ(RenderBytes(message), message.head + "a\0b\n"s);
}

TEST(TextFormatTest, SummarisesABinaryBodyByItsSizeAndType) {
  Message message = Request();
  message.body = "\x89PNG\0"s;
  EXPECT_TRUE(Render(message).ends_with(
      ", Length:33, Hidden:5\n" + message.head +
      "[tlscope: 5 bytes of binary data; --binary=show or --hex prints them]\n"));
  message.head = "POST / HTTP/1.1\r\nContent-Type: Image/PNG; a=b\r\n\r\n";
  EXPECT_EQ(RenderBytes(message),
            message.head + "[tlscope: 5 bytes of image/png; --binary=show or --hex prints them]\n");
}

TEST(TextFormatTest, DumpsAnyBodyWhenAsked) {
  const std::string text = Render(Request(), Connection(), {.body_view = BodyView::kHex});
  EXPECT_TRUE(
      text.ends_with(", Length:32, Hex:true\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n"
                     "00000000  62 6f 64 79                                       |body|\n"))
      << text;
}

TEST(TextFormatTest, LaysOutJsonWhenAskedAndOnlyWhenItIsWhole) {
  Message message = Request();
  message.body = R"({"a":1})";
  const TextFormatOptions pretty{.pretty_json = true};
  EXPECT_TRUE(Render(message, Connection(), pretty)
                  .ends_with(", Length:35, Pretty:true\n" + message.head + "{\n  \"a\": 1\n}\n"));
  EXPECT_EQ(RenderBytes(message), message.head + message.body + "\n");
  message.body = R"({"a":)";
  EXPECT_EQ(RenderBytes(message, pretty), message.head + message.body + "\n");
}

TEST(TextFormatTest, ColorsNothingButItsOwnLinesAndTheStartLine) {
  Message message = Request();
  message.status = 404;
  const std::string text = Render(message, Connection(), {.color = true});
  EXPECT_TRUE(text.starts_with("\x1b[2mPID:")) << text;
  EXPECT_TRUE(text.ends_with(
      ", Length:32\x1b[0m\n\x1b[1;33mPOST / HTTP/1.1\x1b[0m\r\nHost: a\r\n\r\nbody\n"))
      << text;
}

TEST(TextFormatTest, NamesTheOptionThatCutABody) {
  Message message = Request();
  message.body.clear();
  message.cut_bytes = 4;
  EXPECT_EQ(RenderBytes(message, {.cut_by = "--headers-only"}),
            message.head + "\n[tlscope: 4 bytes cut by --headers-only]\n");
}

TEST(TextFormatTest, WritesPrintableBytesOfNoProtocolAsText) {
  EXPECT_EQ(Render(Raw("EHLO\tme\r\n\xc3\xa9")),
            kOrigin + ", Name:DefaultParser, Type:0, Length:11\nEHLO\tme\r\n\xc3\xa9\n");
}

TEST(TextFormatTest, DumpsOtherBytesOfNoProtocol) {
  Message message = Raw("0123456789abcdef\x00\xff|~"s);
  EXPECT_EQ(Render(message),
            kOrigin +
                ", Name:DefaultParser, Type:0, Length:20, Hex:true\n"
                "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
                "00000010  00 ff 7c 7e                                       |..|~|\n");
  message.gaps = {{18, 5}};
  EXPECT_EQ(RenderBytes(message),
            "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
            "00000010  00 ff                                             |..|"
            "\n[tlscope: 5 bytes lost]\n"
            "00000012  7c 7e                                             ||~|\n");
}

TEST(TextFormatTest, EscapesWhatCouldActOnATerminalOnlyWhenAsked) {
  Message message = Request();
  message.head = "GET /\x1b[2J HTTP/1.1\r\n\r\n";
  message.body = "\xc2\x9b\x9b\x7f\rx\r\n\t\xc3\xa9\xff\0."s;
  EXPECT_EQ(RenderBytes(message, {.body_view = BodyView::kShow}),
            message.head + message.body + "\n");
  EXPECT_EQ(RenderBytes(message, {.escape_control = true, .body_view = BodyView::kShow}),
            "GET /\\x1b[2J HTTP/1.1\r\n\r\n"
            "\\xc2\\x9b\\x9b\\x7f\\x0dx\r\n\t\xc3\xa9\\xff\\x00.\n");
}

TEST(TextFormatTest, WritesOneLineForALoss) {
  TextFormat format({.realtime_offset_ns = kOffset});
  std::string out;
  format.Append(LossEvent{Connection(), DataType::kRead, kUuid, 4096, kNow}, out);
  EXPECT_EQ(out, kOrigin + ", Name:Lost, Type:0, Length:0, Lost:4096\n");
}

TEST(TextFormatTest, WritesALineForEachPartOfAHandshake) {
  using Kind = SSLHandshakeEvent::Kind;
  TextFormat format({.realtime_offset_ns = kOffset});
  const auto render = [&](Kind kind, const HandshakeFacts& told,
                          const std::vector<std::string_view>& offers) {
    std::string out;
    format.Append(HandshakeEvent{Connection(), DataType::kRead, kUuid, kind, told, offers, kNow},
                  out);
    return out;
  };
  const std::string start = kOrigin + ", Name:TLSHandshake, Type:0, Length:0, Part:";
  EXPECT_EQ(render(Kind::kClientHello, {0, "a.example", ""}, {"h2", "a,b\n"}),
            start + "client-hello, ServerName:a.example, Offers:h2+a\\x2cb\\x0a\n");
  EXPECT_EQ(render(Kind::kServerHello, {0x0304, "", "h2"}, {}),
            start + "server-hello, Version:TLSv1.3, Protocol:h2\n");
  EXPECT_EQ(render(Kind::kServerHello, {0x7f1c, "", ""}, {}),
            start + "server-hello, Version:0x7f1c\n");
  EXPECT_EQ(render(Kind::kProtocol, {0, "", "h2"}, {}), start + "protocol, Protocol:h2\n");
}

TEST(TextFormatTest, MarksWhereEventsWereDroppedByTheRateLimit) {
  TextFormat format({});
  std::string out;
  format.Append(RateLimitEvent{10, 3, 1'000'000'000}, out);
  EXPECT_EQ(out,
            "PID:0, Comm:-, Src:unknown, Dest:unknown, Time:1970-01-01T00:00:01.000000Z, UUID:-, "
            "Name:RateLimited, Type:0, Length:0, Dropped:3, Limit:10\n");
}

TEST(TextFormatTest, WritesNothingForExchangesAndConnections) {
  TextFormat format({});
  std::string out;
  const ConnDataEvent event;
  const ConnectionInfo connection = Connection();
  format.Append(ConnectionEvent{connection, "", event}, out);
  format.Append(ExchangeEvent{connection, "", "GET", "/", "", 200, 0, 0, 0, 0, 0}, out);
  format.Append(LibraryEvent{"/lib", ""}, out);
  EXPECT_EQ(out, "");
}

TEST(TextFormatTest, SaysWhichCodingsWereRemovedAndWhyNotAll) {
  Message message = Request();
  message.decoded_from = "gzip, br";
  message.content_bytes = 77;
  message.decode_error = "br: ends early";
  EXPECT_EQ(Render(message), kOrigin +
                                 ", Name:HTTPRequest, Type:1, Length:32, Decoded:gzip+br, Sent:77, "
                                 "DecodeError:br: ends early\n"
                                 "POST / HTTP/1.1\r\nHost: a\r\n\r\nbody\n");
}

TEST(TextFormatTest, NothingThatWasSentLooksLikeAFieldOrALine) {
  Message message = Request();
  message.parser = ParserType::kHttp2Request;
  message.rpc = "/a.B/C, Incomplete:true\nPID:1";
  message.never_indexed = "cookie, x\nPID:1, \xe2\x80\xae";
  EXPECT_TRUE(Render(message).starts_with(
      kOrigin +
      ", Name:HTTP2Request, Type:2, Length:32, Rpc:/a.B/C\\x2c Incomplete:true\\x0aPID:1, "
      "NeverIndexed:cookie+x\\x0aPID:1+\\xe2\\x80\\xae\n"))
      << Render(message);
}

TEST(TextFormatTest, NumbersTheParts) {
  Message message = Request();
  message.head.clear();
  message.part = 3;
  EXPECT_EQ(Render(message), kOrigin + ", Name:HTTPRequest, Type:1, Length:4, Part:3\nbody\n");
  message.last_part = true;
  EXPECT_EQ(Render(message),
            kOrigin + ", Name:HTTPRequest, Type:1, Length:4, Part:3, Last:true\nbody\n");
}

TEST(TextFormatTest, SaysWhatAWebSocketMessageIs) {
  Message message = Raw("bye");
  message.parser = ParserType::kWebSocket;
  message.frame = FrameKind::kClose;
  message.close_code = 1000;
  EXPECT_EQ(Render(message),
            kOrigin + ", Name:WebSocket, Type:5, Length:3, Frame:close, Code:1000\nbye\n");
  message.frame = FrameKind::kText;
  message.close_code = 0;
  EXPECT_EQ(Render(message), kOrigin + ", Name:WebSocket, Type:5, Length:3, Frame:text\nbye\n");
}

}  // namespace
}  // namespace tlscope
