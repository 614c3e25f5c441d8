// SPDX-License-Identifier: Apache-2.0
#include "parsers/websocket/websocket_parser.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/parsers/core/parser_testing.h"
#include "tests/unit/parsers/websocket/websocket_frames.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using websocket::Extensions;
using websocket::Opcode;
using websocket::WebSocketParser;

constexpr std::string_view kReserved = "reserved bits with no known extension to explain them";

/// One direction of a WebSocket.
class Side {
 public:
  explicit Side(const Extensions& extensions = {}, ParserLimits limits = {},
                std::uint64_t budget_bytes = 64U << 20)
      : budget(budget_bytes), context{limits, budget, {}}, parser(context, out) {
    context.http1.OnUpgrade(http1::UpgradeKind::kSwitched, "websocket", extensions);
  }

  ByteBudget budget;
  ParserContext context;
  Recorder out;
  WebSocketParser parser;
};

Extensions Agreed(std::string_view value) {
  Extensions extensions;
  AddExtensions(value, extensions);
  return extensions;
}

struct Result {
  Messages messages;
  bool invalid = false;
  std::string rest;
  bool operator==(const Result&) const = default;
};

Result Read(const Extensions& extensions, std::string_view bytes,
            const std::vector<std::size_t>& cuts, ParserLimits limits) {
  Side side(extensions, limits);
  Result result;
  std::size_t done = 0;
  for (std::size_t i = 0; i <= cuts.size() && !result.invalid; ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    result.invalid =
        side.parser.Feed(bytes.substr(done, end - done), kKtime) == ParseStatus::kInvalid;
    done = end;
  }
  if (result.invalid) {
    result.rest = side.parser.TakeRest().append(bytes.substr(done));
  } else {
    side.parser.Finish(StreamEnd::kClosed);
  }
  EXPECT_EQ(side.parser.held_bytes(), 0U);
  EXPECT_EQ(side.budget.used_bytes(), 0U);
  result.messages = std::move(side.out.messages);
  return result;
}

void ExpectMessages(const Extensions& extensions, std::string_view bytes, const Result& expected,
                    ParserLimits limits = {}) {
  std::vector<std::size_t> every;
  ASSERT_EQ(Read(extensions, bytes, {}, limits).messages, expected.messages) << "whole";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    every.push_back(cut);
    const Result split = Read(extensions, bytes, {cut}, limits);
    ASSERT_EQ(split.messages, expected.messages) << "cut at " << cut;
    ASSERT_TRUE(split == expected) << "cut at " << cut;
  }
  ASSERT_TRUE(Read(extensions, bytes, every, limits) == expected) << "byte by byte";
}

Message Ws(FrameKind kind, std::string body) {
  Message message = MakeMessage(ParserType::kWebSocket, {}, std::move(body));
  message.packet = PacketType::kWebSocket;
  message.frame = kind;
  return message;
}

Message Text(std::string body) { return Ws(FrameKind::kText, std::move(body)); }

Message Deflated(std::string body, std::uint64_t sent_bytes, FrameKind kind = FrameKind::kText) {
  Message message = Ws(kind, std::move(body));
  message.decoded_from = "permessage-deflate";
  message.content_bytes = sent_bytes;
  return message;
}

Message Close(std::uint16_t code, std::string reason) {
  Message message = Ws(FrameKind::kClose, std::move(reason));
  message.close_code = code;
  return message;
}

std::string Bytes(std::initializer_list<unsigned> bytes) {
  std::string text;
  for (const unsigned byte : bytes) text += static_cast<char>(byte);
  return text;
}

// RFC 6455 5.7.
TEST(WebSocketParserTest, ReadsTheExamplesOfItsSpecification) {
  ExpectMessages({}, Bytes({0x81, 0x05}) + "Hello", {{Text("Hello")}, false, {}});
  ExpectMessages({}, Bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}),
                 {{Text("Hello")}, false, {}});
  ExpectMessages({}, Bytes({0x01, 0x03}) + "Hel" + Bytes({0x80, 0x02}) + "lo",
                 {{Text("Hello")}, false, {}});
  ExpectMessages({}, Bytes({0x89, 0x05}) + "Hello" + Bytes({0x8a, 0x05, 'H', 'e', 'l', 'l', 'o'}),
                 {{Ws(FrameKind::kPing, "Hello"), Ws(FrameKind::kPong, "Hello")}, false, {}});
  const std::string medium(256, 'm');
  ExpectMessages({}, Bytes({0x82, 0x7e, 0x01, 0x00}) + medium,
                 {{Ws(FrameKind::kBinary, medium)}, false, {}});
}

TEST(WebSocketParserTest, ReadsLengthsInSixtyFourBits) {
  const std::string large(70'000, 'l');
  for (const bool masked : {false, true}) {
    const std::string frame = Frame({.opcode = Opcode::kBinary, .masked = masked}, large);
    for (const std::size_t cut : {std::size_t{0}, std::size_t{5}, std::size_t{66'003}}) {
      EXPECT_EQ(Read({}, frame, {cut}, {}).messages, Messages{Ws(FrameKind::kBinary, large)});
    }
  }
}

TEST(WebSocketParserTest, ReadsLengthsInMoreBytesThanTheyNeed) {
  ExpectMessages(
      {}, Bytes({0x81, 0x7e, 0, 2}) + "ab" + Bytes({0x81, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1}) + "c",
      {{Text("ab"), Text("c")}, false, {}});
}

TEST(WebSocketParserTest, EmitsControlFramesBetweenFragmentsAtOnce) {
  for (const bool masked : {false, true}) {
    const std::string bytes =
        Frame({.fin = false, .masked = masked}, "one ") +
        Frame({.opcode = Opcode::kPing, .masked = masked}, "p") +
        Frame({.opcode = Opcode::kContinuation, .fin = false, .masked = masked}, "") +
        Frame({.opcode = Opcode::kPong, .masked = masked}, "") +
        Frame({.opcode = Opcode::kContinuation, .masked = masked}, "two") +
        Frame({.opcode = Opcode::kText, .masked = masked}, "three");
    ExpectMessages(
        {}, bytes,
        {{Ws(FrameKind::kPing, "p"), Ws(FrameKind::kPong, ""), Text("one two"), Text("three")},
         false,
         {}});
  }
}

TEST(WebSocketParserTest, ReadsCloseCodesAndReasons) {
  const FrameSpec close{.opcode = Opcode::kClose};
  ExpectMessages({}, Frame(close, Bytes({0x03, 0xe8}) + "bye"), {{Close(1000, "bye")}, false, {}});
  ExpectMessages({}, Frame({.opcode = Opcode::kClose, .masked = true}, Bytes({0x0f, 0xa0})),
                 {{Close(4000, "")}, false, {}});
  ExpectMessages({}, Frame(close, ""), {{Close(0, "")}, false, {}});
  ExpectMessages({}, Frame(close, "x"), {{Close(0, "x")}, false, {}});
}

TEST(WebSocketParserTest, EndsWhereNoFrameCanBegin) {
  const std::string good = Frame({}, "good");
  for (const std::string& bad :
       {Bytes({0x83, 0x01, 'x'}), Bytes({0x8f, 0x00}), Bytes({0x09, 0x00}),
        Bytes({0x89, 0x7e, 0x00, 0x7e}) + "long",
        Bytes({0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0}) + "x", Bytes({0x80, 0x01, 'x'}),
        Frame({.masked = true}, "from the other side")}) {
    ExpectMessages({}, good + bad, {{Text("good")}, true, bad});
  }
  const std::string half = Frame({.fin = false}, "half");
  ExpectMessages({}, half + good, {{Incomplete(Text("half"))}, true, good});
}

TEST(WebSocketParserTest, KeepsAPayloadAsSentWhoseReservedBitsNothingExplains) {
  const Message expected = WithDecodeError(Text("text"), std::string(kReserved));
  for (const std::uint8_t rsv : std::initializer_list<std::uint8_t>{1, 2, 4, 7}) {
    ExpectMessages({}, Frame({.rsv = rsv}, "text"), {{expected}, false, {}});
  }
  const Extensions deflate = Agreed("permessage-deflate");
  for (const std::uint8_t rsv : std::initializer_list<std::uint8_t>{1, 2, 5}) {
    ExpectMessages(deflate, Frame({.rsv = rsv}, "text"), {{expected}, false, {}});
  }
  ExpectMessages(
      deflate, Frame({.opcode = Opcode::kPing, .rsv = 4}, "text"),
      {{WithDecodeError(Ws(FrameKind::kPing, "text"), std::string(kReserved))}, false, {}});
  ExpectMessages(
      deflate,
      Frame({.fin = false}, "te") + Frame({.opcode = Opcode::kContinuation, .rsv = 4}, "xt"),
      {{expected}, false, {}});
}

// RFC 7692 7.2.3.
TEST(WebSocketParserTest, ReadsTheExamplesOfPermessageDeflate) {
  const Extensions deflate = Agreed("permessage-deflate");
  const std::string hello = Bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  const std::string again = Bytes({0xf2, 0x00, 0x11, 0x00, 0x00});
  {  // 7.2.3.1, whole and in fragments
    ExpectMessages(deflate, Bytes({0xc1, 0x07}) + hello, {{Deflated("Hello", 7)}, false, {}});
    ExpectMessages(deflate,
                   Bytes({0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00}),
                   {{Deflated("Hello", 7)}, false, {}});
  }
  {  // 7.2.3.2: the second refers to the first
    ExpectMessages(deflate, Frame({.rsv = 4}, hello) + Frame({.rsv = 4}, again),
                   {{Deflated("Hello", 7), Deflated("Hello", 5)}, false, {}});
    const Extensions apart = Agreed("permessage-deflate; server_no_context_takeover");
    ExpectMessages(apart, Frame({.rsv = 4}, hello) + Frame({.rsv = 4}, hello),
                   {{Deflated("Hello", 7), Deflated("Hello", 7)}, false, {}});
  }
  {  // 7.2.3.3: a stored block
    const std::string stored = Bytes({0x00, 0x05, 0x00, 0xfa, 0xff}) + "Hello" + Bytes({0x00});
    ExpectMessages(deflate, Frame({.rsv = 4}, stored), {{Deflated("Hello", 11)}, false, {}});
  }
  {  // 7.2.3.4: a last block, and messages after it
    const std::string last = Bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00});
    ExpectMessages(deflate, Frame({.rsv = 4}, last) + Frame({.rsv = 4}, again),
                   {{Deflated("Hello", 8), Deflated("Hello", 5)}, false, {}});
    const std::string bare = last.substr(0, last.size() - 1);
    ExpectMessages(deflate, Frame({.rsv = 4}, bare) + Frame({.rsv = 4}, again),
                   {{Deflated("Hello", 7), Deflated("Hello", 5)}, false, {}});
  }
  {  // 7.2.3.5: two blocks
    const std::string two =
        Bytes({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00});
    ExpectMessages(deflate, Frame({.rsv = 4}, two), {{Deflated("Hello", 13)}, false, {}});
  }
  {  // 7.2.3.6: an empty message
    ExpectMessages(deflate, Frame({.rsv = 4}, Bytes({0x00})), {{Deflated("", 1)}, false, {}});
    ExpectMessages(deflate, Frame({.rsv = 4}, ""), {{Deflated("", 0)}, false, {}});
  }
}

std::vector<std::string> Chat() {
  std::vector<std::string> messages;
  for (int number = 0; number < 12; ++number) {
    messages.push_back("{\"channel\":\"trades\",\"price\":" + std::to_string(number * number) +
                       ",\"side\":\"buy\",\"symbol\":\"ABC\"}");
  }
  return messages;
}

struct DeflateCase {
  const char* extensions;
  bool masked;
  int window_bits;
  bool takeover;
};

class WebSocketDeflateTest : public testing::TestWithParam<DeflateCase> {
 protected:
  /// The frames of Chat(), some of them in fragments, one not compressed; where each begins.
  std::string Frames() {
    const DeflateCase& test = GetParam();
    MessageDeflater deflater(test.window_bits);
    std::string bytes;
    for (const std::string& message : Chat()) {
      begins_.push_back(bytes.size());
      if (begins_.size() == 4) {
        bytes += Frame({.masked = test.masked}, message);
        expected_.push_back(Text(message));
        continue;
      }
      const std::string payload = deflater.Deflate(message);
      if (!test.takeover) deflater.Forget();
      expected_.push_back(Deflated(message, payload.size()));
      const std::size_t half = begins_.size() % 3 == 0 ? payload.size() / 2 : payload.size();
      bytes += Frame({.fin = half == payload.size(), .rsv = 4, .masked = test.masked},
                     std::string_view(payload).substr(0, half));
      if (half != payload.size()) {
        bytes += Frame({.opcode = Opcode::kContinuation, .masked = test.masked},
                       std::string_view(payload).substr(half));
      }
    }
    return bytes;
  }

  std::vector<std::size_t> begins_;
  Messages expected_;
};

TEST_P(WebSocketDeflateTest, DecodesTheSameForEverySplit) {
  const std::string bytes = Frames();
  ExpectMessages(Agreed(GetParam().extensions), bytes, {expected_, false, {}});
}

TEST_P(WebSocketDeflateTest, KeepsPayloadsAsSentWhenAskedTo) {
  const std::string bytes = Frames();
  const Result result = Read(Agreed(GetParam().extensions), bytes, {}, {.decode_content = false});
  ASSERT_EQ(result.messages.size(), expected_.size());
  for (std::size_t at = 0; at < expected_.size(); ++at) {
    EXPECT_EQ(result.messages[at].body.size(), expected_[at].content_bytes);
    EXPECT_EQ(result.messages[at].decode_error, "");
    EXPECT_EQ(result.messages[at].decoded_from, "");
  }
}

TEST_P(WebSocketDeflateTest, NeverGivesWrongBytesWhateverIsLost) {
  const std::string bytes = Frames();
  const Messages whole = expected_;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const std::size_t lost : {std::size_t{1}, std::size_t{7}}) {
      const std::size_t size = std::min(lost, bytes.size() - at);
      Side side(Agreed(GetParam().extensions));
      side.parser.Feed(std::string_view(bytes).substr(0, at), kKtime);
      if (side.parser.Gap(size, kKtime) == ParseStatus::kInvalid) continue;
      side.parser.Feed(std::string_view(bytes).substr(at + size), kKtime);
      side.parser.Finish(StreamEnd::kClosed);
      const Messages& messages = side.out.messages;
      // The loss was inside a payload: every message is there, and what it shows is right.
      ASSERT_EQ(messages.size(), whole.size()) << at;
      for (std::size_t index = 0; index < whole.size(); ++index) {
        const Message& message = messages[index];
        if (message == whole[index]) continue;
        ASSERT_EQ(message.content_bytes, whole[index].content_bytes) << at;
        if (message.decoded_from.empty()) {
          ASSERT_EQ(message.body.size() + size, whole[index].body.size()) << at;
        } else {
          ASSERT_TRUE(whole[index].body.starts_with(message.body)) << at;
          ASSERT_FALSE(message.decode_error.empty()) << at;
        }
      }
      if (!GetParam().takeover) {
        const auto same = [&](std::size_t index) { return messages[index] == whole[index]; };
        std::size_t different = 0;
        for (std::size_t index = 0; index < whole.size(); ++index) different += same(index) ? 0 : 1;
        ASSERT_EQ(different, 1U) << at;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Agreements, WebSocketDeflateTest,
    testing::Values(
        DeflateCase{"permessage-deflate", false, 15, true},
        DeflateCase{"permessage-deflate", true, 15, true},
        DeflateCase{"permessage-deflate; server_no_context_takeover", false, 15, false},
        DeflateCase{"permessage-deflate; client_no_context_takeover", true, 15, false},
        DeflateCase{"permessage-deflate; server_max_window_bits=9", false, 9, true},
        DeflateCase{"permessage-deflate; client_max_window_bits=\"10\"", true, 10, true},
        DeflateCase{"permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
                    false, 12, false}));

TEST(WebSocketParserTest, FindsTheContextAgainOnceAMessageNeedsNothingThatWasLost) {
  Side side(Agreed("permessage-deflate"));
  MessageDeflater deflater;
  const std::string first = Frame({.rsv = 4}, deflater.Deflate("first words of the talk"));
  const std::string second = Frame({.rsv = 4}, deflater.Deflate("first words of the talk"));
  deflater.Forget();
  const std::string third = Frame({.rsv = 4}, deflater.Deflate("another subject"));
  const std::string fourth = Frame({.rsv = 4}, deflater.Deflate("another subject"));
  side.parser.Feed(first.substr(0, 10), kKtime);
  EXPECT_EQ(side.parser.Gap(first.size() - 10, kKtime), ParseStatus::kNeedMore);
  side.parser.Feed(second + third + fourth, kKtime);
  ASSERT_EQ(side.out.messages.size(), 4U);
  EXPECT_EQ(side.out.messages[0].decode_error, "permessage-deflate: bytes were lost");
  EXPECT_EQ(side.out.messages[1].decode_error,
            "permessage-deflate: broken or refers to bytes that were lost");
  EXPECT_EQ(side.out.messages[2].body, "another subject");
  EXPECT_EQ(side.out.messages[3].body, "another subject");
}

TEST(WebSocketParserTest, RecordsBytesLostInsideAPayloadAndReadsOn) {
  for (const bool masked : {false, true}) {
    const std::string bytes =
        Frame({.masked = masked}, "0123456789") + Frame({.masked = masked}, "next");
    const std::size_t header = masked ? 6 : 2;
    Side side;
    side.parser.Feed(std::string_view(bytes).substr(0, header + 3), kKtime);
    EXPECT_EQ(side.parser.Gap(5, kKtime), ParseStatus::kNeedMore);
    side.parser.Feed(std::string_view(bytes).substr(header + 8), kKtime);
    EXPECT_EQ(side.out.messages, (Messages{WithGap(Text("01289"), 3, 5), Text("next")}));
  }
}

TEST(WebSocketParserTest, EndsWhereAHeaderWasLost) {
  const std::string bytes = Frame({}, "0123456789") + Frame({}, "next");
  {
    Side side;
    side.parser.Feed(std::string_view(bytes).substr(0, 8), kKtime);
    EXPECT_EQ(side.parser.Gap(7, kKtime), ParseStatus::kInvalid);
    EXPECT_EQ(side.out.messages, Messages{WithGap(Text("012345"), 6, 0)});
    EXPECT_EQ(side.parser.TakeRest(), "");
  }
  {
    Side side;
    side.parser.Feed(std::string_view(bytes).substr(0, 13), kKtime);
    EXPECT_EQ(side.parser.Gap(2, kKtime), ParseStatus::kInvalid);
    EXPECT_EQ(side.out.messages, Messages{Text("0123456789")});
    EXPECT_EQ(side.parser.TakeRest(), bytes.substr(12, 1));
  }
}

TEST(WebSocketParserTest, EmitsWhatIsNotWholeAtTheEnd) {
  const std::string frame = Frame({.masked = true}, "message");
  const Result payload = Read({}, frame.substr(0, 9), {}, {});
  EXPECT_EQ(payload.messages, Messages{Incomplete(Text("mes"))});
  const Result header = Read({}, frame.substr(0, 4), {}, {});
  EXPECT_EQ(header.messages, Messages{Incomplete(Unknown(frame.substr(0, 4)))});
  const Result control = Read({}, Frame({.opcode = Opcode::kPing}, "ping").substr(0, 4), {}, {});
  EXPECT_EQ(control.messages, Messages{Incomplete(Ws(FrameKind::kPing, "pi"))});
  const Result compressed =
      Read(Agreed("permessage-deflate"), Bytes({0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9}), {}, {});
  ASSERT_EQ(compressed.messages.size(), 1U);
  EXPECT_EQ(compressed.messages[0].decode_error, "permessage-deflate: ends early");
  EXPECT_TRUE(std::string("Hello").starts_with(compressed.messages[0].body));
}

TEST(WebSocketParserTest, CountsWhatIsBeyondTheBodyLimit) {
  ExpectMessages({},
                 Frame({.fin = false}, "012345") + Frame({.opcode = Opcode::kContinuation}, "6789"),
                 {{WithCut(Text("01234"), 5)}, false, {}}, {.body_bytes = 5});
}

TEST(WebSocketParserTest, StopsInflatingAMessageAtItsLimitInLittleMemory) {
  MessageDeflater deflater;
  const std::string frame = Frame({.rsv = 4}, deflater.Deflate(std::string(1U << 20, 'z')));
  Side side(Agreed("permessage-deflate"), {.body_bytes = 1000, .decoded_bytes = 100'000});
  for (const char byte : frame) {
    side.parser.Feed({&byte, 1}, kKtime);
    ASSERT_LE(side.parser.held_bytes(), 64U << 10);
  }
  side.parser.Feed(Frame({}, "next"), kKtime);
  ASSERT_EQ(side.out.messages.size(), 2U);
  EXPECT_EQ(side.out.messages[0].body, std::string(1000, 'z'));
  EXPECT_EQ(side.out.messages[0].cut_bytes, 99'000U);
  EXPECT_EQ(side.out.messages[0].decode_error, "permessage-deflate: inflates beyond 100000 bytes");
  EXPECT_EQ(side.out.messages[1], Text("next"));
}

TEST(WebSocketParserTest, GivesEverythingBackWhenTheBudgetIsSpent) {
  MessageDeflater deflater;
  std::string bytes;
  for (const std::string& message : Chat()) bytes += Frame({.rsv = 4}, deflater.Deflate(message));
  for (const std::uint64_t limit : {0U, 100U, 9'000U, 20'000U}) {
    Side side(Agreed("permessage-deflate"), {}, limit);
    side.parser.Feed(bytes, kKtime);
    side.parser.Finish(StreamEnd::kClosed);
    EXPECT_EQ(side.out.messages.size(), Chat().size());
    EXPECT_EQ(side.budget.used_bytes(), 0U);
  }
}

TEST(WebSocketExtensionsTest, ReadsWhatIsAgreed) {
  const Extensions all = Agreed(
      "x-other; a=\"b\", Permessage-Deflate ; server_no_context_takeover;client_max_window_bits=8 "
      "; "
      "server_max_window_bits=\"12\", permessage-deflate; client_no_context_takeover");
  Extensions expected;
  expected.deflate = true;
  expected.other = true;
  expected.server = {.no_context_takeover = true};
  EXPECT_EQ(all, expected);
}

TEST(WebSocketExtensionsTest, TakesNothingForNothing) {
  EXPECT_EQ(Agreed(""), Extensions());
  EXPECT_EQ(Agreed(" , ;"), Extensions());
  EXPECT_FALSE(Agreed("permessage-deflated").deflate);
}

// A distance of 600 where 512 bytes of window were agreed to.
TEST(WebSocketParserTest, ReadsASenderThatUsesALargerWindowThanAgreed) {
  std::string text;
  for (int number = 0; text.size() < 600; ++number) text += std::to_string(number * number);
  MessageDeflater deflater;
  const std::string payload = deflater.Deflate(text + text);
  ExpectMessages(Agreed("permessage-deflate; server_max_window_bits=9"), Frame({.rsv = 4}, payload),
                 {{Deflated(text + text, payload.size())}, false, {}});
}

}  // namespace
}  // namespace tlscope
