// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

constexpr char kGet[] = "GET / HTTP/1.1\r\n\r\n";
constexpr char kHead[] = "HEAD / HTTP/1.1\r\n\r\n";

Input ResponseInput(const std::string& fixture, std::string requests,
                    StreamEnd end = StreamEnd::kIdle) {
  return {Role::kResponse, ReadFixture(fixture), std::move(requests), end, {}};
}

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Http1ResponseTest, ReportsEveryKeepAliveResponseWithItsRequest) {
  ExpectForEverySplit(ResponseInput("keep_alive.response", Repeat(kGet, 3)),
                      {{Response(1, 200, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello"),
                        Response(2, 404, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
                        Response(3, 200, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n", "ok")},
                       false,
                       {}});
}

TEST(Http1ResponseTest, ReportsTheFinalResponseAfterInterimOnes) {
  ExpectForEverySplit(ResponseInput("continue_then_final.response", Repeat(kGet, 2)),
                      {{Response(1, 100, "HTTP/1.1 100 Continue\r\n\r\n"),
                        Response(1, 103, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"),
                        Response(1, 201, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n", "ok"),
                        Response(2, 200, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", "x")},
                       false,
                       {}});
}

TEST(Http1ResponseTest, GivesResponsesToHeadAnd204And304NoBody) {
  ExpectForEverySplit(
      ResponseInput("head_no_content_not_modified.response", kHead + Repeat(kGet, 3)),
      {{Response(1, 200, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        Response(2, 204, "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"),
        Response(3, 304, "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Response(4, 200, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "end")},
       false,
       {}});
}

TEST(Http1ResponseTest, AResponseToAnUnseenHeadDoesNotSwallowTheNext) {
  ExpectForEverySplit(ResponseInput("unanswered_head.response", {}),
                      {{Response(0, 200, "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"),
                        Response(0, 200, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok")},
                       false,
                       {}});
}

TEST(Http1ResponseTest, ABodyThatBeginsLikeAStatusLineIsOne) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
  ExpectForEverySplit({Role::kResponse, head + "HTTP/1.", {}, StreamEnd::kIdle, {}},
                      {{Response(0, 200, head, "HTTP/1.")}, false, {}});
  ExpectForEverySplit({Role::kResponse, head + "HTTP/", {}, StreamEnd::kIdle, {}},
                      {{Incomplete(Response(0, 200, head, "HTTP/"))}, false, {}});
}

TEST(Http1ResponseTest, EndsABodyWithoutLengthAtTheClose) {
  const std::string head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n";
  const std::string body = "everything up\r\n\r\nto the end";
  ExpectForEverySplit(ResponseInput("until_close.response", kGet, StreamEnd::kClosed),
                      {{Response(1, 200, head, body)}, false, {}});
  ExpectForEverySplit(ResponseInput("until_close.response", kGet, StreamEnd::kIdle),
                      {{Incomplete(Response(1, 200, head, body))}, false, {}});
}

TEST(Http1ResponseTest, TakesChunksApart) {
  ExpectForEverySplit(ResponseInput("chunked.response", Repeat(kGet, 2)),
                      {{Response(1, 200, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                                 "first abcdefghijklmnopqrstuvwxyz"),
                        Response(2, 204, "HTTP/1.1 204 No Content\r\n\r\n")},
                       false,
                       {}});
}

TEST(Http1ResponseTest, KeepsNulBytesInABody) {
  ExpectForEverySplit(ResponseInput("body_with_nul_bytes.response", Repeat(kGet, 2)),
                      {{Response(1, 200, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n",
                                 std::string("ab\0cd\0\0e", 8)),
                        Response(2, 204, "HTTP/1.1 204 No Content\r\n\r\n")},
                       false,
                       {}});
}

TEST(Http1ResponseTest, TakesSpaceBeforeAColonAsProxiesDo) {
  ExpectForEverySplit(ResponseInput("space_before_colon.response", Repeat(kGet, 2)),
                      {{Response(1, 200, "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n", "ok"),
                        Response(2, 204, "HTTP/1.1 204 No Content\r\n\r\n")},
                       false,
                       {}});
}

TEST(Http1ResponseTest, ReportsABodyAfterALongPauseOnceWithItsHead) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
  Connection connection;
  connection.request.Feed(kGet, 1);
  connection.response.Feed(head + "ab", 2);
  connection.response.Flush();
  EXPECT_TRUE(connection.responses.messages.empty());
  connection.response.Feed("cd", 60'000'000'000);
  Message expected = Response(1, 200, head, "abcd");
  expected.first_ktime_ns = 2;
  expected.last_ktime_ns = 60'000'000'000;
  EXPECT_EQ(connection.responses.messages, Messages{expected});
}

TEST(Http1ResponseTest, MayStartBeforeItsRequestEnds) {
  Connection connection;
  const std::string request = "POST /up HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
  const std::string response = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
  connection.request.Feed(request + "ab", kKtime);
  connection.response.Feed(response, kKtime);
  connection.request.Feed("cd", kKtime);
  EXPECT_EQ(connection.responses.messages, Messages{Response(1, 413, response)});
  EXPECT_EQ(connection.requests.messages, Messages{Request(1, "POST", "/up", request, "abcd")});
}

TEST(Http1ResponseTest, KeepsBodiesOverSixteenKibibytesWhole) {
  const std::string body(1'000'000, 'b');
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
  Connection connection;
  connection.request.Feed(kGet, kKtime);
  const std::string bytes = head + body;
  for (std::size_t at = 0; at < bytes.size(); at += 16'384) {
    connection.response.Feed(std::string_view(bytes).substr(at, 16'384), kKtime);
  }
  EXPECT_TRUE(connection.responses.messages == Messages{Response(1, 200, head, body)});
}

TEST(Http1ResponseTest, NotesTheTimesOfFirstAndLastByte) {
  Connection connection;
  connection.response.Feed("HTTP/1.1 204 A\r\n\r\nHTTP", 10);
  connection.response.Feed("/1.1 204 B\r\n", 20);
  connection.response.Feed("\r\nHTTP/1.1 204 C\r\n\r\n", 30);
  ASSERT_EQ(connection.responses.messages.size(), 3U);
  const Messages& messages = connection.responses.messages;
  EXPECT_EQ(messages[0].first_ktime_ns, 10U);
  EXPECT_EQ(messages[0].last_ktime_ns, 10U);
  EXPECT_EQ(messages[1].first_ktime_ns, 10U);
  EXPECT_EQ(messages[1].last_ktime_ns, 30U);
  EXPECT_EQ(messages[2].first_ktime_ns, 30U);
  EXPECT_EQ(messages[2].last_ktime_ns, 30U);
}

}  // namespace
}  // namespace tlscope
