// SPDX-License-Identifier: Apache-2.0
//
// Both directions of a connection, interleaved in every way.
#include <string_view>

#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

constexpr std::string_view kOkHead = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

TEST(Http1PairingTest, PairsAResponseThatStartsBeforeItsRequestEnds) {
  const std::string requests = ReadFixture("answered_early.request");
  const std::string responses = ReadFixture("answered_early.response");
  const std::string post = "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n";
  const std::string early_head = "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\n";
  const std::size_t early_bytes = early_head.size() + 5;
  // The first response comes after any byte of the request's body, and in two pieces.
  for (std::size_t cut = post.size(); cut <= post.size() + 20; ++cut) {
    for (std::size_t piece = 0; piece <= early_bytes; ++piece) {
      Connection connection;
      connection.request.Feed(requests.substr(0, cut), kKtime);
      connection.response.Feed(responses.substr(0, piece), kKtime);
      connection.request.Feed(requests.substr(cut), kKtime);
      connection.response.Feed(responses.substr(piece), kKtime);
      ASSERT_EQ(connection.requests.messages,
                (Messages{Request(1, "POST", "/up", post, "01234567890123456789"),
                          Request(2, "GET", "/n", "GET /n HTTP/1.1\r\n\r\n")}))
          << cut << " " << piece;
      ASSERT_EQ(connection.responses.messages,
                (Messages{Response(1, 413, early_head, "large"),
                          Response(2, 200, std::string(kOkHead), "ok")}))
          << cut << " " << piece;
    }
  }
}

TEST(Http1PairingTest, PairsPipelinedMessagesHoweverTheyAreInterleaved) {
  const std::string requests = ReadFixture("pipelined_gets.request");
  const std::string responses = ReadFixture("pipelined.response");
  const Messages expected{
      Response(1, 200, std::string(kOkHead), "ok"),
      Response(2, 200, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
      Response(3, 200, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "end")};
  // No response comes before its request, and the second one only once HEAD was read.
  const std::size_t after_first = requests.find("HEAD");
  const std::size_t after_second = requests.find("GET /3");
  const std::size_t first_bytes = kOkHead.size() + 2;
  const std::size_t second_bytes = first_bytes + expected[1].head.size();
  for (std::size_t cut = after_first; cut <= requests.size(); ++cut) {
    const std::size_t answered = cut < after_second      ? first_bytes
                                 : cut < requests.size() ? second_bytes
                                                         : responses.size();
    for (std::size_t piece = 0; piece <= answered; ++piece) {
      Connection connection;
      connection.request.Feed(requests.substr(0, cut), kKtime);
      connection.response.Feed(responses.substr(0, piece), kKtime);
      connection.request.Feed(requests.substr(cut), kKtime);
      connection.response.Feed(responses.substr(piece), kKtime);
      ASSERT_EQ(connection.responses.messages, expected) << cut << " " << piece;
    }
  }
}

TEST(Http1PairingTest, APauseAnywhereChangesNothingButTheTime) {
  const std::string bytes = ReadFixture("keep_alive.response");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Connection connection;
    connection.request.Feed("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                            1);
    connection.response.Feed(bytes.substr(0, cut), kKtime);
    connection.response.Flush();
    connection.response.Feed(bytes.substr(cut), kKtime + 60'000'000'000);
    Messages& messages = connection.responses.messages;
    for (Message& message : messages) {
      ASSERT_LE(message.first_ktime_ns, message.last_ktime_ns);
      message.first_ktime_ns = message.last_ktime_ns = kKtime;
    }
    ASSERT_EQ(messages,
              (Messages{Response(1, 200, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello"),
                        Response(2, 404, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
                        Response(3, 200, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n", "ok")}))
        << cut;
  }
}

TEST(Http1PairingTest, TheFirstMessageAfterOtherBytesSaysSo) {
  Connection connection;
  connection.response.Join();
  connection.response.Feed("HTTP/1.1 204 A\r\n\r\nHTTP/1.1 204 B\r\n\r\n", kKtime);
  EXPECT_EQ(connection.responses.messages,
            (Messages{Resynchronised(Response(0, 204, "HTTP/1.1 204 A\r\n\r\n")),
                      Response(0, 204, "HTTP/1.1 204 B\r\n\r\n")}));
}

}  // namespace
}  // namespace tlscope
