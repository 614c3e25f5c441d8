// SPDX-License-Identifier: Apache-2.0
//
// Bytes of tests/testdata/http2: what other tools are known to misread.
#include "parsers/parser_registry.h"
#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope::http2 {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

std::string ReadHttp2(const std::string& name) { return ReadTestdata("http2/" + name); }

Http2Input Server(const std::string& name, const std::string& client = "two_gets.client") {
  return {Role::kResponse, ReadHttp2(name), ReadHttp2(client)};
}

const Fields kEntries = {{":status", "200"}, {"x-one", "1"}, {"x-two", "2"}};

TEST(Http2RecordedTest, KeepsTheTableInStepOverContinuations) {
  ExpectHttp2ForEverySplit(Server("continuation.server"), {Http2Response(1, kEntries, "first"),
                                                           Http2Response(3, kEntries, "second")});
}

TEST(Http2RecordedTest, LosesNothingToAPauseWithinAFrame) {
  const Http2Input input = Server("continuation.server");
  const Messages expected = ParseHttp2(input);
  for (std::size_t cut = 0; cut <= input.bytes.size(); ++cut) {
    Http2Connection connection;
    connection.client.Feed(input.other_before, kKtime);
    connection.server.Feed(std::string_view(input.bytes).substr(0, cut), kKtime);
    connection.server.Flush();
    connection.server.Feed(std::string_view(input.bytes).substr(cut), kKtime);
    ASSERT_EQ(connection.responses.messages, expected) << cut;
    connection.Finish();
  }
}

TEST(Http2RecordedTest, HoldsATableAsLargeAsTheOtherSideAllows) {
  Fields all = {{":status", "200"}};
  for (int at = 0; at < 10; ++at)
    all.emplace_back("x-" + std::to_string(at), std::string(600, 'v'));
  const Fields oldest = {{":status", "200"}, {"x-0", std::string(600, 'v')}};
  ExpectHttp2ForEverySplit(Server("table_of_8192.server", "table_of_8192.client"),
                           {Http2Response(1, all), Http2Response(3, oldest)});
}

TEST(Http2RecordedTest, DecodesABodyOverFramesAndPadding) {
  std::string text;
  for (int at = 0; at < 40; ++at) text += "the same words again and again ";
  const Messages messages = ParseHttp2(Server("gzip_over_frames.server"));
  ASSERT_EQ(messages.size(), 1U);
  Message expected =
      DecodedFrom(Http2Response(1, {{":status", "200"}, {"content-encoding", "gzip"}}, text),
                  "gzip", messages[0].content_bytes);
  ExpectHttp2ForEverySplit(Server("gzip_over_frames.server"), {expected});
  EXPECT_LT(messages[0].content_bytes, 100U);
}

TEST(Http2RecordedTest, TakesBinaryForBinaryAndHttp2ForHttp2) {
  const std::string binary = ReadHttp2("binary.bytes");
  const std::string client = std::string(kPreface) + ReadHttp2("two_gets.client");
  const std::string server = ReadHttp2("continuation.server");
  for (std::size_t size = 1; size <= binary.size(); ++size) {
    const DetectResult found = Detect(std::string_view(binary).substr(0, size));
    ASSERT_TRUE(found.need_more || found.protocol == &Protocols().back()) << size;
  }
  for (const std::string& bytes : {client, server}) {
    const DetectResult whole = Detect(bytes);
    ASSERT_FALSE(whole.need_more);
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
      const DetectResult found = Detect(std::string_view(bytes).substr(0, size));
      ASSERT_TRUE(found.need_more || found.protocol == whole.protocol) << size;
    }
    EXPECT_NE(whole.protocol, &Protocols().back());
  }
}

}  // namespace
}  // namespace tlscope::http2
