// SPDX-License-Identifier: Apache-2.0
//
// Responses that leave in parts: server-sent events and other bodies that go on for long.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)

constexpr const char* kGet = "GET /events HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n";

/// The parts of a response with `head`, one with each of `bodies`.
Messages Parts(const std::string& head, const std::vector<std::string>& bodies) {
  Messages parts = {Response(1, 200, head)};
  for (const std::string& body : bodies) parts.push_back(Response(1, 200, {}, body));
  std::uint32_t number = 0;
  std::uint64_t content_bytes = 0;
  for (Message& part : parts) {
    part.part = ++number;
    content_bytes += part.content_bytes;
  }
  parts.back().last_part = true;
  parts.back().content_bytes = content_bytes;
  return parts;
}

Input ResponseInput(std::string bytes, StreamEnd end = StreamEnd::kIdle) {
  return ResponseTo(kGet, std::move(bytes), end);
}

std::string HeadOf(std::string_view fields, std::string_view type = "text/event-stream") {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) + "\r\n" + std::string(fields) +
         "\r\n";
}

std::string ReadSse(const std::string& name) { return ReadTestdata("sse/" + name); }

std::string HeadIn(const std::string& bytes) { return bytes.substr(0, bytes.find("\r\n\r\n") + 4); }

const std::vector<std::string> kEvents = {": connected\n\n",
                                          "event: price\ndata: {\"v\":1}\nid: 1\n\n",
                                          "data: two\ndata: lines\n\n", "retry: 1000\n\n"};

TEST(Http1EventsTest, CutsAChunkedStreamAfterEachEvent) {
  const std::string bytes = ReadSse("chunked.response");
  std::vector<std::string> bodies = kEvents;
  bodies.emplace_back();
  ExpectForEverySplit(ResponseInput(bytes), {Parts(HeadIn(bytes), bodies), false, {}});
}

TEST(Http1EventsTest, CutsAStreamThatEndsWithTheConnection) {
  const std::string bytes = ReadSse("until_close.response");
  std::vector<std::string> bodies = kEvents;
  bodies.emplace_back("data: half");
  Messages parts = Parts(HeadIn(bytes), bodies);
  ExpectForEverySplit(ResponseInput(bytes, StreamEnd::kClosed), {parts, false, {}});
  parts.back().complete = false;
  ExpectForEverySplit(ResponseInput(bytes, StreamEnd::kIdle), {parts, false, {}});
}

TEST(Http1EventsTest, CutsAStreamOfKnownLengthAndReadsTheNextMessage) {
  const std::string body = "data: a\r\n\r\ndata: b\r\n\r\n";
  const std::string head = HeadOf("Content-Length: " + std::to_string(body.size()) + "\r\n");
  const std::string next = "HTTP/1.1 204 No Content\r\n\r\n";
  Messages expected = Parts(head, {"data: a\r\n\r\n", "data: b\r\n\r\n", ""});
  expected.push_back(Response(0, 204, next));
  ExpectForEverySplit(ResponseInput(head + body + next), {expected, false, {}});
}

TEST(Http1EventsTest, DecodesEventsAsTheyAreFlushed) {
  const std::string bytes = ReadSse("gzip_chunked.response");
  const Outcome whole = Parse(ResponseInput(bytes));
  ASSERT_EQ(whole.messages.size(), kEvents.size() + 2);
  for (std::size_t at = 0; at < kEvents.size(); ++at) {
    const Message& part = whole.messages[at + 1];
    EXPECT_EQ(part.body, kEvents[at]);
    EXPECT_EQ(part.decoded_from, "gzip");
    EXPECT_EQ(part.packet, PacketType::kGzip);
  }
  EXPECT_TRUE(whole.messages.back().last_part);
  EXPECT_TRUE(whole.messages.back().complete);
  EXPECT_EQ(whole.messages.back().decode_error, "");
  ExpectForEverySplit(ResponseInput(bytes), whole);
}

TEST(Http1EventsTest, EmitsHeadAndEventsAsSoonAsTheyAreThere) {
  Connection connection;
  connection.request.Feed(kGet, kKtime);
  const std::string head = HeadOf("");
  const Messages& messages = connection.messages(Role::kResponse);
  connection.response.Feed(head, 10);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].head, head);
  connection.response.Feed("data: a\n", 20);
  EXPECT_EQ(messages.size(), 1U);
  connection.response.Feed("\ndata: b", 30);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].body, "data: a\n\n");
  EXPECT_EQ(messages[1].first_ktime_ns, 20U);
  EXPECT_EQ(messages[1].last_ktime_ns, 30U);
  connection.response.Finish(StreamEnd::kClosed);
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[2].body, "data: b");
  EXPECT_EQ(messages[2].first_ktime_ns, 30U);
  EXPECT_TRUE(messages[2].last_part);
}

TEST(Http1EventsTest, RecordsALossInThePartItFallsInAndCountsTheWhole) {
  const std::string head = HeadOf("");
  Connection connection;
  connection.request.Feed(kGet, kKtime);
  connection.response.Feed(head + "data: a\n\ndata: ", kKtime);
  connection.response.Gap(3, kKtime);
  connection.response.Feed("z\n\ndata: c\n\n", kKtime);
  connection.response.Finish(StreamEnd::kClosed);
  const Messages& messages = connection.messages(Role::kResponse);
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_TRUE(messages[1].complete);
  EXPECT_EQ(messages[2].gaps, (std::vector<BodyGap>{{6, 3}}));
  EXPECT_FALSE(messages[2].complete);
  EXPECT_TRUE(messages[3].complete);
  EXPECT_TRUE(messages[3].gaps.empty());
  EXPECT_FALSE(messages[4].complete) << "the whole is not";
  EXPECT_EQ(messages[4].content_bytes, 30U);
}

TEST(Http1EventsTest, LosesNothingOfLaterMessagesWhateverRangeIsDropped) {
  const std::string bytes = ReadSse("chunked.response");
  const std::string next = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  const std::string all = bytes + next + next;
  for (std::size_t at = HeadIn(bytes).size(); at < bytes.size(); ++at) {
    for (const std::size_t lost : {std::size_t{1}, std::size_t{9}}) {
      const std::size_t size = std::min(lost, bytes.size() - at);
      Connection connection;
      connection.request.Feed(kGet, kKtime);
      connection.response.Feed(std::string_view(all).substr(0, at), kKtime);
      connection.response.Gap(size, kKtime);
      connection.response.Feed(std::string_view(all).substr(at + size), kKtime);
      connection.response.Finish(StreamEnd::kClosed);
      const Messages& messages = connection.messages(Role::kResponse);
      ASSERT_GE(messages.size(), 3U);
      ASSERT_EQ(messages.back().body, "ok") << at;
      ASSERT_EQ(messages.back().head, HeadIn(next)) << at;
      std::size_t last_parts = 0;
      for (const Message& message : messages) last_parts += message.last_part ? 1 : 0;
      ASSERT_EQ(last_parts, 1U) << at;
      ASSERT_EQ(connection.budget.used_bytes(), 0U);
    }
  }
}

TEST(Http1EventsTest, LimitsEachEventAndNotTheStream) {
  const std::string head = HeadOf("");
  Input input = ResponseInput(head + "data: 0123456789\n\ndata: b\n\n", StreamEnd::kClosed);
  input.limits.body_bytes = 10;
  Messages expected = Parts(head, {"data: 0123", "data: b\n\n", ""});
  expected[1] = WithCut(expected[1], 8);
  expected.back().content_bytes += 8;
  ExpectForEverySplit(input, {expected, false, {}});
}

TEST(Http1EventsTest, EmitsLinesAndRecordsWhenTheSenderPauses) {
  for (const char* type : {"application/x-ndjson", "application/json-seq"}) {
    Connection connection;
    connection.request.Feed(kGet, kKtime);
    const Messages& messages = connection.messages(Role::kResponse);
    connection.response.Feed(HeadOf("", type) + "{\"a\":1}\n{\"b\"", kKtime);
    EXPECT_EQ(messages.size(), 1U);
    EXPECT_TRUE(connection.response.holds_part());
    connection.response.Flush();
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[1].body, "{\"a\":1}\n");
    EXPECT_FALSE(connection.response.holds_part());
    connection.response.Flush();
    EXPECT_EQ(messages.size(), 2U);
    connection.response.Feed(":2}\n", kKtime);
    connection.response.Finish(StreamEnd::kClosed);
    ASSERT_EQ(messages.size(), 3U);
    EXPECT_EQ(messages[2].body, "{\"b\":2}\n");
    EXPECT_TRUE(messages[2].last_part);
  }
}

TEST(Http1EventsTest, EmitsWhatHasComeOfAnUnendingPictureWhenTheSenderPauses) {
  Connection connection;
  connection.request.Feed(kGet, kKtime);
  const Messages& messages = connection.messages(Role::kResponse);
  connection.response.Feed(HeadOf("", "multipart/x-mixed-replace; boundary=b") + "--b\r\n", kKtime);
  EXPECT_TRUE(connection.response.holds_part());
  connection.response.Flush();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].body, "--b\r\n");
}

TEST(Http1EventsTest, KeepsOtherResponsesAndRequestsWhole) {
  const std::string head = HeadOf("Transfer-Encoding: chunked\r\n", "application/json");
  EXPECT_EQ(Parse(ResponseInput(head + "3\r\na\n\n\r\n0\r\n\r\n")).messages,
            Messages{Response(1, 200, head, "a\n\n")});
  const std::string lines = HeadOf("Content-Length: 4\r\n", "application/x-ndjson");
  EXPECT_EQ(Parse(ResponseInput(lines + "1\n2\n")).messages,
            Messages{Response(1, 200, lines, "1\n2\n")});
  Input request;
  request.bytes =
      "POST / HTTP/1.1\r\nContent-Type: text/event-stream\r\nContent-Length: 3\r\n\r\na\n\n";
  EXPECT_EQ(Parse(request).messages.size(), 1U);
  const std::string no_body = HeadOf("Content-Length: 0\r\n");
  EXPECT_EQ(Parse(ResponseInput(no_body)).messages, Messages{Response(1, 200, no_body)});
}

TEST(Http1EventsTest, StreamsAResponseWhoseRequestIsNotKnown) {
  const std::string head = HeadOf("");
  Connection connection;
  const Messages& messages = connection.messages(Role::kResponse);
  connection.response.Feed(head, kKtime);
  connection.response.Feed("data: a\n\n", kKtime);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].head, head);
  EXPECT_EQ(messages[1].body, "data: a\n\n");
}

}  // namespace
}  // namespace tlscope
