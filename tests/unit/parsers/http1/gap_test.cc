// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>

#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
constexpr char kChunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr char kEmpty[] = "HTTP/1.1 204 No Content\r\n\r\n";

/// Feeds `before` and `after` to a response parser with `gap` bytes lost in between.
Messages ParseAroundGap(const std::string& before, std::uint64_t gap, const std::string& after,
                        StreamEnd end = StreamEnd::kIdle, ParserLimits limits = {}) {
  Connection connection(limits);
  connection.response.Feed(before, kKtime);
  EXPECT_EQ(connection.response.Gap(gap, kKtime), ParseStatus::kNeedMore);
  connection.response.Feed(after, kKtime);
  connection.response.Finish(end);
  EXPECT_EQ(connection.budget.used_bytes(), 0U);
  return connection.responses.messages;
}

TEST(Http1GapTest, JumpsOverLostBytesOfABodyWithALength) {
  EXPECT_EQ(ParseAroundGap(std::string(kOk) + "abc", 4, std::string("hij") + kEmpty),
            (Messages{WithGap(Response(0, 200, kOk, "abchij"), 3, 4), Response(0, 204, kEmpty)}));
}

TEST(Http1GapTest, StaysInStepWhenABodysLastBytesAreLost) {
  EXPECT_EQ(ParseAroundGap(std::string(kOk) + "abc", 7, kEmpty),
            (Messages{WithGap(Response(0, 200, kOk, "abc"), 3, 7), Response(0, 204, kEmpty)}));
}

TEST(Http1GapTest, JumpsInABodyThatBeginsLikeAStatusLine) {
  EXPECT_EQ(ParseAroundGap(std::string(kOk) + "HTTP", 4, std::string("ij") + kEmpty),
            (Messages{WithGap(Response(0, 200, kOk, "HTTPij"), 4, 4), Response(0, 204, kEmpty)}));
}

TEST(Http1GapTest, ResynchronisesWhenTheGapReachesBeyondTheBody) {
  EXPECT_EQ(ParseAroundGap(std::string(kOk) + "abc", 20, std::string("-Type: x\r\n\r\n") + kEmpty),
            (Messages{WithGap(Response(0, 200, kOk, "abc"), 3, 7), Unknown("-Type: x\r\n\r\n"),
                      Resynchronised(Response(0, 204, kEmpty))}));
}

TEST(Http1GapTest, JumpsOverLostBytesOfAChunk) {
  EXPECT_EQ(
      ParseAroundGap(std::string(kChunked) + "8\r\nab", 6, std::string("\r\n0\r\n\r\n") + kEmpty),
      (Messages{WithGap(Response(0, 200, kChunked, "ab"), 2, 6), Response(0, 204, kEmpty)}));
}

TEST(Http1GapTest, ResynchronisesWhenTheGapReachesBeyondAChunk) {
  EXPECT_EQ(ParseAroundGap(std::string(kChunked) + "8\r\nab", 7, std::string("\n0\r\n") + kEmpty),
            (Messages{WithGap(Response(0, 200, kChunked, "ab"), 2, 0), Unknown("\n0\r\n"),
                      Resynchronised(Response(0, 204, kEmpty))}));
}

TEST(Http1GapTest, EmitsAHeadCutByTheGapAsUnknown) {
  EXPECT_EQ(ParseAroundGap("HTTP/1.1 200 OK\r\nConte", 5, std::string("X: y\r\n\r\n") + kEmpty),
            (Messages{WithGap(Unknown("HTTP/1.1 200 OK\r\nConte"), 22, 5), Unknown("X: y\r\n\r\n"),
                      Resynchronised(Response(0, 204, kEmpty))}));
}

TEST(Http1GapTest, NotesTheGapInABodyThatEndsWithTheConnection) {
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(ParseAroundGap(head + "ab", 3, "cd", StreamEnd::kClosed),
            (Messages{WithGap(Response(0, 200, head, "abcd"), 2, 3)}));
}

TEST(Http1GapTest, TakesAMessageRightAfterAGapBetweenMessages) {
  EXPECT_EQ(ParseAroundGap(kEmpty, 100, kEmpty),
            (Messages{Response(0, 204, kEmpty), Resynchronised(Response(0, 204, kEmpty))}));
}

TEST(Http1GapTest, CountsGapsInABodyThatIsCut) {
  ParserLimits limits;
  limits.body_bytes = 2;
  EXPECT_EQ(ParseAroundGap(std::string(kOk) + "abc", 4, "hij", StreamEnd::kIdle, limits),
            (Messages{WithCut(WithGap(Response(0, 200, kOk, "ab"), 2, 4), 4)}));
}

TEST(Http1GapTest, BoundsTheListOfGaps) {
  Connection connection;
  connection.response.Feed("HTTP/1.1 200 OK\r\n\r\n", kKtime);
  for (int i = 0; i < 10'000; ++i) {
    connection.response.Feed("x", kKtime);
    connection.response.Gap(1, kKtime);
  }
  connection.response.Finish(StreamEnd::kClosed);
  ASSERT_EQ(connection.responses.messages.size(), 1U);
  const Message& message = connection.responses.messages[0];
  EXPECT_LE(message.gaps.size(), 256U);
  EXPECT_EQ(message.content_bytes, 20'000U);
  EXPECT_EQ(message.body.size() + message.cut_bytes, 10'000U);
}

/// An exchange of the property test: both messages carry the same mark.
struct Marked {
  std::string request;
  std::string response;
};

std::string Mark(int i) { return "X-Mark: " + std::to_string(i) + "\r\n"; }

std::vector<Marked> MarkedExchanges() {
  const std::string chunks = "7\r\nfirst \n\r\n10;ext=1\r\n0123456789abcde\n\r\n0\r\n";
  const std::string length = "Content-Length: 30\r\n\r\n";
  const std::string coding = "Transfer-Encoding: chunked\r\n\r\n";
  const std::string text = "thirty bytes of body with\nends";
  return {
      {"GET /1 HTTP/1.1\r\n" + Mark(1) + "\r\n", "HTTP/1.1 200 OK\r\n" + Mark(1) + length + text},
      {"POST /2 HTTP/1.1\r\n" + Mark(2) + length + text,
       "HTTP/1.1 200 OK\r\n" + Mark(2) + coding + chunks + "\r\n"},
      {"HEAD /3 HTTP/1.1\r\n" + Mark(3) + "\r\n", "HTTP/1.1 200 OK\r\n" + Mark(3) + length},
      {"PUT /4 HTTP/1.1\r\n" + Mark(4) + coding + chunks + "X-T: 1\r\n\r\n",
       "HTTP/1.1 204 No Content\r\n" + Mark(4) + "\r\n"},
      {"GET /5 HTTP/1.1\r\n" + Mark(5) + "\r\n",
       "HTTP/1.1 304 Not Modified\r\n" + Mark(5) + length},
      {"DELETE /6 HTTP/1.1\r\n" + Mark(6) + "\r\n",
       "HTTP/1.1 200 OK\r\n" + Mark(6) + length + text},
      {"GET /7 HTTP/1.1\r\n" + Mark(7) + "\r\n",
       "HTTP/1.1 404 Not Found\r\n" + Mark(7) + length + text},
  };
}

/// The bytes [begin, end) of one direction of a connection are lost.
struct Loss {
  Role role;
  std::size_t begin;
  std::size_t end;
};

/// Feeds one direction's calls, told of the loss when the first bytes after it come.
class LossyFeeder {
 public:
  LossyFeeder(http1::Http1Parser& parser, std::size_t begin, std::size_t end)
      : parser_(parser), begin_(begin), end_(end) {}

  void Feed(std::string_view bytes) {
    const std::size_t lost_from = std::clamp(begin_, at_, at_ + bytes.size()) - at_;
    const std::size_t lost_to = std::clamp(end_, at_, at_ + bytes.size()) - at_;
    at_ += bytes.size();
    if (lost_from != 0) FeedSome(bytes.substr(0, lost_from));
    lost_ += lost_to - lost_from;
    if (lost_to != bytes.size()) FeedSome(bytes.substr(lost_to));
  }

 private:
  void FeedSome(std::string_view bytes) {
    if (lost_ != 0) parser_.Gap(std::exchange(lost_, 0), kKtime);
    parser_.Feed(bytes, kKtime);
  }

  http1::Http1Parser& parser_;
  std::size_t begin_;
  std::size_t end_;
  std::size_t at_ = 0;
  std::size_t lost_ = 0;
};

struct Emitted {
  Messages requests;
  Messages responses;
};

Emitted ParseWithLoss(const std::vector<Marked>& exchanges, const Loss& loss, bool pipelined) {
  Connection connection;
  const bool requests = loss.role == Role::kRequest;
  LossyFeeder request(connection.request, loss.begin, requests ? loss.end : loss.begin);
  LossyFeeder response(connection.response, loss.begin, requests ? loss.begin : loss.end);
  for (const Marked& exchange : exchanges) {
    request.Feed(exchange.request);
    if (!pipelined) response.Feed(exchange.response);
  }
  for (const Marked& exchange : exchanges) {
    if (pipelined) response.Feed(exchange.response);
  }
  connection.request.Finish(StreamEnd::kClosed);
  connection.response.Finish(StreamEnd::kClosed);
  EXPECT_EQ(connection.budget.used_bytes(), 0U);
  return {connection.requests.messages, connection.responses.messages};
}

std::string MarkOf(const Message& message) {
  const std::size_t at = message.head.find("X-Mark");
  return at == std::string::npos ? "none" : message.head.substr(at, 9);
}

/// What makes a message the one that was sent.
std::string Content(const Message& message) {
  return message.head + "|" + message.body + "|" + message.trailers;
}

void ExpectOnlyTrueContent(const Messages& emitted, const Messages& sent) {
  for (const Message& message : emitted) {
    std::uint64_t lost = 0;
    for (const BodyGap& gap : message.gaps) lost += gap.bytes;
    ASSERT_EQ(message.content_bytes, message.body.size() + lost + message.cut_bytes);
    if (!message.complete || message.parser == ParserType::kUnknown) continue;
    const bool known = std::any_of(sent.begin(), sent.end(), [&](const Message& one) {
      return Content(one) == Content(message);
    });
    ASSERT_TRUE(known) << testing::PrintToString(message);
  }
}

void ExpectOnlyTruePairs(const Emitted& emitted) {
  std::map<std::uint64_t, std::string> marks;
  for (const Message& message : emitted.requests) {
    if (message.exchange != 0) marks[message.exchange] = MarkOf(message);
  }
  for (const Message& message : emitted.responses) {
    if (message.exchange == 0 || !marks.contains(message.exchange)) continue;
    ASSERT_EQ(marks[message.exchange], MarkOf(message));
  }
}

/// Every message that begins where the parser can know it, in or after the loss, is reported.
void ExpectLaterMessages(const Messages& emitted, const Messages& sent,
                         const std::vector<std::string>& calls, const Loss& loss) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < calls.size(); begin += calls[i].size(), ++i) {
    const bool at_line = begin == loss.end || (begin > loss.end && calls[i - 1].back() == '\n');
    if (begin < loss.end || !at_line) continue;
    const bool reported = std::any_of(emitted.begin(), emitted.end(), [&](const Message& one) {
      return one.complete && Content(one) == Content(sent[i]);
    });
    ASSERT_TRUE(reported) << "message " << i;
  }
}

void ExpectSoundUnderEveryLoss(Role role, bool pipelined) {
  const std::vector<Marked> exchanges = MarkedExchanges();
  const Emitted sent = ParseWithLoss(exchanges, {role, 0, 0}, pipelined);
  ASSERT_EQ(sent.requests.size(), exchanges.size());
  ASSERT_EQ(sent.responses.size(), exchanges.size());
  std::vector<std::string> calls;
  std::size_t size = 0;
  for (const Marked& exchange : exchanges) {
    calls.push_back(role == Role::kRequest ? exchange.request : exchange.response);
    size += calls.back().size();
  }
  for (std::size_t begin = 0; begin < size; ++begin) {
    for (const std::size_t length : {1U, 2U, 3U, 7U, 20U, 60U, 100U, 150U, 300U, 10'000U}) {
      const Loss loss{role, begin, std::min(begin + length, size)};
      SCOPED_TRACE(testing::Message() << "lost " << loss.begin << " to " << loss.end);
      const Emitted emitted = ParseWithLoss(exchanges, loss, pipelined);
      ExpectOnlyTrueContent(emitted.requests, sent.requests);
      ExpectOnlyTrueContent(emitted.responses, sent.responses);
      ExpectOnlyTruePairs(emitted);
      ExpectLaterMessages(role == Role::kRequest ? emitted.requests : emitted.responses,
                          role == Role::kRequest ? sent.requests : sent.responses, calls, loss);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Http1GapTest, NoLossAmongRequestsMakesAWrongMessageOrPair) {
  ExpectSoundUnderEveryLoss(Role::kRequest, false);
}

TEST(Http1GapTest, NoLossAmongResponsesMakesAWrongMessageOrPair) {
  ExpectSoundUnderEveryLoss(Role::kResponse, false);
}

TEST(Http1GapTest, NoLossAmongPipelinedRequestsMakesAWrongMessageOrPair) {
  ExpectSoundUnderEveryLoss(Role::kRequest, true);
}

TEST(Http1GapTest, NoLossAmongPipelinedResponsesMakesAWrongMessageOrPair) {
  ExpectSoundUnderEveryLoss(Role::kResponse, true);
}

TEST(Http1GapTest, PairingResumesAfterALoss) {
  const std::vector<Marked> exchanges = MarkedExchanges();
  for (const Role role : {Role::kRequest, Role::kResponse}) {
    const std::size_t first =
        role == Role::kRequest ? exchanges[0].request.size() : exchanges[0].response.size();
    const Emitted emitted = ParseWithLoss(exchanges, {role, first - 5, first + 20}, false);
    EXPECT_NE(emitted.requests.back().exchange, 0U);
    EXPECT_EQ(emitted.requests.back().exchange, emitted.responses.back().exchange);
  }
}

}  // namespace
}  // namespace tlscope
