// SPDX-License-Identifier: Apache-2.0
//
// Bodies with Content-Encoding or Transfer-Encoding, in HTTP/1.x messages.
#include <algorithm>
#include <string>
#include <string_view>

#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)

constexpr const char* kGet = "GET / HTTP/1.1\r\n\r\n";

struct Coded {
  const char* fixture;
  const char* field;    ///< of Content-Encoding
  const char* removed;  ///< as Message::decoded_from has it
};

std::string Plain() { return ReadTestdata("content/text.plain"); }

std::string LengthHead(std::string_view fields, std::size_t bytes) {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "Content-Length: " + std::to_string(bytes) +
         "\r\n\r\n";
}

std::string Chunks(std::string_view body, std::size_t chunk_bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string chunks;
  for (std::size_t at = 0; at < body.size(); at += chunk_bytes) {
    const std::string_view chunk = body.substr(at, chunk_bytes);
    chunks += kHex[chunk.size() >> 4U];
    chunks += kHex[chunk.size() & 15U];
    chunks.append("\r\n").append(chunk).append("\r\n");
  }
  return chunks + "0\r\n\r\n";
}

Input ResponseInput(std::string bytes, StreamEnd end = StreamEnd::kIdle) {
  return ResponseTo(kGet, std::move(bytes), end);
}

class Http1CodedBodyTest : public testing::TestWithParam<Coded> {};

TEST_P(Http1CodedBodyTest, IsDecodedInEveryFramingForEverySplit) {
  const Coded& coded = GetParam();
  const std::string body = ReadTestdata(std::string("content/") + coded.fixture);
  const std::string field = std::string("Content-Encoding: ") + coded.field + "\r\n";
  const std::string next = "HTTP/1.1 204 No Content\r\n\r\n";
  const auto expected = [&](const std::string& head) {
    return DecodedFrom(Response(1, 200, head, Plain()), coded.removed, body.size());
  };
  {
    const std::string head = LengthHead(field, body.size());
    ExpectForEverySplit(ResponseInput(head + body + next),
                        {{expected(head), Response(0, 204, next)}, false, {}});
  }
  {
    const std::string head = "HTTP/1.1 200 OK\r\n" + field + "Transfer-Encoding: chunked\r\n\r\n";
    ExpectForEverySplit(ResponseInput(head + Chunks(body, 100) + next),
                        {{expected(head), Response(0, 204, next)}, false, {}});
  }
  {
    const std::string head = "HTTP/1.0 200 OK\r\n" + field + "\r\n";
    ExpectForEverySplit(ResponseInput(head + body, StreamEnd::kClosed),
                        {{expected(head)}, false, {}});
  }
  {
    const std::string head = "POST / HTTP/1.1\r\n" + field +
                             "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    Input input;
    input.bytes = head + body;
    ExpectForEverySplit(
        input, {{DecodedFrom(Request(1, "POST", "/", head, Plain()), coded.removed, body.size())},
                false,
                {}});
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codings, Http1CodedBodyTest,
    testing::Values(Coded{"text.gzip", "gzip", "gzip"}, Coded{"two_members.gzip", "x-gzip", "gzip"},
                    Coded{"text.deflate", "Deflate", "deflate"}, Coded{"text.br", "br", "br"},
                    Coded{"frames.zstd", "zstd", "zstd"},
                    Coded{"text.gzip_br", "gzip, br", "gzip, br"},
                    Coded{"text.gzip_br", "gzip\r\nContent-Encoding: identity,br", "gzip, br"}));

TEST(Http1ContentTest, DecodesTransferEncodingAfterContentEncoding) {
  const std::string body = ReadTestdata("content/text.br_gzip");
  const std::string head =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Encoding: br\r\n\r\n";
  ExpectForEverySplit(
      ResponseInput(head + Chunks(body, 64)),
      {{DecodedFrom(Response(1, 200, head, Plain()), "br, gzip", body.size())}, false, {}});
}

TEST(Http1ContentTest, KeepsABodyOfUnknownCodingAsSent) {
  const std::string head = LengthHead("Content-Encoding: gzip, compress\r\n", 4);
  ExpectForEverySplit(ResponseInput(head + "\x1f\x8b\x08!"),
                      {{Response(1, 200, head, "\x1f\x8b\x08!")}, false, {}});
}

TEST(Http1ContentTest, KeepsEveryBodyAsSentWhenAskedTo) {
  const std::string body = ReadTestdata("content/text.gzip");
  const std::string head = LengthHead("Content-Encoding: gzip\r\n", body.size());
  Input input = ResponseInput(head + body);
  input.limits.decode_content = false;
  ExpectForEverySplit(input, {{Response(1, 200, head, body)}, false, {}});
}

TEST(Http1ContentTest, TakesResponsesWithoutABodyForWhatTheyAre) {
  const std::string head_response = LengthHead("Content-Encoding: gzip\r\n", 1000);
  const std::string not_modified = "HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n";
  const std::string no_content = "HTTP/1.1 204 No Content\r\nContent-Encoding: br\r\n\r\n";
  const std::string empty = LengthHead("Content-Encoding: zstd\r\n", 0);
  Input input = ResponseInput(head_response + not_modified + no_content + empty);
  input.requests_before = "HEAD / HTTP/1.1\r\n\r\n" + std::string(kGet) + kGet + kGet;
  ExpectForEverySplit(input, {{Response(1, 200, head_response), Response(2, 304, not_modified),
                               Response(3, 204, no_content), Response(4, 200, empty)},
                              false,
                              {}});
}

TEST(Http1ContentTest, DecodesARangeOnlyFromTheFirstByteOn) {
  const std::string body = ReadTestdata("content/text.gzip");
  const auto partial = [&](std::string_view range, std::string_view bytes) {
    return "HTTP/1.1 206 Partial Content\r\nContent-Encoding: gzip\r\n" + std::string(range) +
           "Content-Length: " + std::to_string(bytes.size()) + "\r\n\r\n";
  };
  {
    const std::string head = partial("Content-Range: bytes 0-272/273\r\n", body);
    const Outcome outcome = Parse(ResponseInput(head + body));
    EXPECT_EQ(outcome.messages,
              Messages{DecodedFrom(Response(1, 206, head, Plain()), "gzip", body.size())});
  }
  {
    const std::string first = body.substr(0, 150);
    const std::string head = partial("content-range: Bytes 0-149/273\r\n", first);
    const Outcome outcome = Parse(ResponseInput(head + first));
    ASSERT_EQ(outcome.messages.size(), 1U);
    EXPECT_EQ(outcome.messages[0].decode_error, "gzip: ends early");
    EXPECT_TRUE(outcome.messages[0].complete);
    EXPECT_TRUE(Plain().starts_with(outcome.messages[0].body));
  }
  for (const char* range : {"Content-Range: bytes 10-272/273\r\n", ""}) {
    const std::string head = partial(range, body);
    const Outcome outcome = Parse(ResponseInput(head + body));
    EXPECT_EQ(outcome.messages, Messages{Response(1, 206, head, body)}) << range;
  }
}

TEST(Http1ContentTest, KeepsWhatWasDecodedBeforeAnError) {
  const std::string body = ReadTestdata("content/wrong_checksum.gzip");
  const std::string head = LengthHead("Content-Encoding: gzip\r\n", body.size());
  ExpectForEverySplit(
      ResponseInput(head + body),
      {{WithDecodeError(DecodedFrom(Response(1, 200, head, Plain()), "gzip", body.size()),
                        "gzip: broken")},
       false,
       {}});
}

TEST(Http1ContentTest, CountsDecodedBytesBeyondTheBodyLimitAsCut) {
  const std::string body = ReadTestdata("content/text.br");
  const std::string head = LengthHead("Content-Encoding: br\r\n", body.size());
  Input input = ResponseInput(head + body);
  input.limits.body_bytes = 100;
  const std::string plain = Plain();
  Message expected = DecodedFrom(Response(1, 200, head, plain.substr(0, 100)), "br", body.size());
  expected.cut_bytes = plain.size() - 100;
  ExpectForEverySplit(input, {{expected}, false, {}});
}

TEST(Http1ContentTest, StopsDecodingAtItsLimit) {
  const std::string body = ReadTestdata("content/text.zstd");
  const std::string head = LengthHead("Content-Encoding: zstd\r\n", body.size());
  Input input = ResponseInput(head + body);
  input.limits.body_bytes = 100;
  input.limits.decoded_bytes = 300;
  Message expected =
      DecodedFrom(Response(1, 200, head, Plain().substr(0, 100)), "zstd", body.size());
  expected.cut_bytes = 200;
  ExpectForEverySplit(input, {{WithDecodeError(expected, "inflates beyond 300 bytes")}, false, {}});
}

TEST(Http1ContentTest, StopsDecodingAtLostBytesAndReadsTheNextMessage) {
  const std::string plain = Plain();
  for (const char* fixture : {"text.gzip", "text.br", "text.zstd", "text.deflate"}) {
    const std::string name = fixture;
    const std::string coding = name.substr(5);
    const std::string body = ReadTestdata("content/" + name);
    const std::string head = LengthHead("Content-Encoding: " + coding + "\r\n", body.size());
    const std::string next = "HTTP/1.1 204 No Content\r\n\r\n";
    const std::string bytes = head + body + next;
    for (std::size_t at = head.size(); at < head.size() + body.size(); ++at) {
      const std::size_t lost = std::min<std::size_t>(10, head.size() + body.size() - at);
      Connection connection;
      connection.request.Feed(kGet, kKtime);
      connection.response.Feed(std::string_view(bytes).substr(0, at), kKtime);
      connection.response.Gap(lost, kKtime);
      connection.response.Feed(std::string_view(bytes).substr(at + lost), kKtime);
      const Messages& messages = connection.messages(Role::kResponse);
      ASSERT_EQ(messages.size(), 2U) << at;
      const Message& message = messages.front();
      ASSERT_FALSE(message.complete);
      ASSERT_NE(message.decode_error.find("bytes were lost"), std::string::npos);
      ASSERT_EQ(message.content_bytes, body.size());
      ASSERT_EQ(message.gaps.size(), 1U);
      if (message.decoded_from.empty()) {
        ASSERT_EQ(message.body.size() + lost, body.size()) << "kept as sent";
      } else {
        ASSERT_TRUE(plain.starts_with(message.body)) << at;
      }
      ASSERT_EQ(messages.back(), Response(0, 204, next));
    }
  }
}

TEST(Http1ContentTest, SaysWhenTheConnectionEndsInsideACodedBody) {
  const std::string body = ReadTestdata("content/text.gzip").substr(0, 200);
  const std::string head = "HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
  const Outcome outcome = Parse(ResponseInput(head + body, StreamEnd::kClosed));
  ASSERT_EQ(outcome.messages.size(), 1U);
  EXPECT_EQ(outcome.messages[0].decode_error, "gzip: ends early");
  EXPECT_TRUE(Plain().starts_with(outcome.messages[0].body));
  EXPECT_GT(outcome.messages[0].body.size(), 100U);
}

TEST(Http1ContentTest, HoldsABombInLittleMemory) {
  const std::string body = ReadTestdata("content/bomb.gzip");
  const std::string head = LengthHead("Content-Encoding: gzip\r\n", body.size());
  Connection connection({.body_bytes = 4096});
  connection.request.Feed(kGet, kKtime);
  connection.response.Feed(head, kKtime);
  for (const char byte : body) {
    connection.response.Feed({&byte, 1}, kKtime);
    ASSERT_LE(connection.response.held_bytes(), 64U << 10);
  }
  ASSERT_EQ(connection.messages(Role::kResponse).size(), 1U);
  const Message& message = connection.messages(Role::kResponse).front();
  EXPECT_EQ(message.body.size(), 4096U);
  EXPECT_EQ(message.cut_bytes, (8U << 20) - 4096);
  EXPECT_EQ(message.decode_error, "");
}

}  // namespace
}  // namespace tlscope
