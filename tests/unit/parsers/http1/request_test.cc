// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

void ExpectRequests(const std::string& fixture, const Messages& expected) {
  ExpectForEverySplit({Role::kRequest, ReadFixture(fixture), {}, StreamEnd::kIdle, {}},
                      {expected, false, {}});
}

TEST(Http1RequestTest, ReportsAGetWithItsHeadAsSent) {
  ExpectRequests("get_without_body.request",
                 {Request(1, "GET", "/index.html?q=1",
                          "GET /index.html?q=1 HTTP/1.1\r\nHost: example.org\r\n"
                          "Accept: */*\r\n\r\n")});
}

TEST(Http1RequestTest, KeepsOrderAndCaseOfHeaders) {
  ExpectRequests("header_order_and_case.request",
                 {Request(1, "GET", "/",
                          "GET / HTTP/1.1\r\nzEbRa: 1\r\naPPle:2\r\nZEBRA:   3  \r\n"
                          "empty:\r\n\r\n")});
}

TEST(Http1RequestTest, ReportsEveryPipelinedRequest) {
  ExpectRequests("pipelined_gets.request",
                 {Request(1, "GET", "/1", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"),
                  Request(2, "HEAD", "/2", "HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"),
                  Request(3, "GET", "/3", "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")});
}

TEST(Http1RequestTest, EndsABodyAtContentLength) {
  ExpectRequests(
      "post_content_length_then_get.request",
      {Request(1, "POST", "/form", "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
               "key=a%20val"),
       Request(2, "GET", "/next", "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")});
}

TEST(Http1RequestTest, TakesChunksApartAndKeepsTrailers) {
  ExpectRequests(
      "post_chunked_with_extensions_and_trailers.request",
      {WithTrailers(Request(1, "POST", "/up",
                            "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                            "hello0123456789"),
                    "X-Sum: 9\r\nX-More: a\r\n b\r\n"),
       Request(2, "GET", "/n", "GET /n HTTP/1.1\r\n\r\n")});
}

TEST(Http1RequestTest, TakesBareLineFeedsFoldedLinesAndEmptyLinesBefore) {
  ExpectRequests("bare_lf_and_folded_lines.request",
                 {Request(1, "PUT", "/lf",
                          "PUT /lf HTTP/1.1\nHost: a\nX-Folded: one\n\ttwo\n"
                          "Content-Length:\n 3\n\n",
                          "abc"),
                  Request(2, "GET", "/2", "GET /2 HTTP/1.1\n\n")});
}

TEST(Http1RequestTest, TakesEveryFormOfTarget) {
  ExpectRequests(
      "target_forms.request",
      {Request(1, "GET", "http://example.org:80/a?b",
               "GET http://example.org:80/a?b HTTP/1.1\r\n\r\n"),
       Request(2, "CONNECT", "example.org:443", "CONNECT example.org:443 HTTP/1.1\r\n\r\n"),
       Request(3, "OPTIONS", "*", "OPTIONS * HTTP/1.1\r\n\r\n")});
}

TEST(Http1RequestTest, TakesHttp10) {
  ExpectRequests("http10.request", {Request(1, "GET", "/old", "GET /old HTTP/1.0\r\n\r\n")});
}

TEST(Http1RequestTest, TakesRepeatedContentLengthsThatAgreeForOne) {
  ExpectRequests("repeated_equal_content_length.request",
                 {Request(1, "POST", "/",
                          "POST / HTTP/1.1\r\nContent-Length: 3\r\n"
                          "Content-Length: 3, 3\r\n\r\n",
                          "abc"),
                  Request(2, "GET", "/", "GET / HTTP/1.1\r\n\r\n")});
}

TEST(Http1RequestTest, LetsTransferEncodingOverrideContentLength) {
  ExpectRequests("transfer_encoding_beats_content_length.request",
                 {WithDecodeError(Request(1, "POST", "/",
                                          "POST / HTTP/1.1\r\nContent-Length: 500\r\n"
                                          "Transfer-Encoding: gzip, chunked\r\n\r\n",
                                          "abc"),
                                  "not gzip: kept as sent"),
                  Request(2, "GET", "/2", "GET /2 HTTP/1.1\r\n\r\n")});
}

TEST(Http1RequestTest, ShowsAHeadWithConflictingContentLengthsAsUnknownAndGoesOnAfterIt) {
  ExpectRequests("conflicting_content_length.request",
                 {Unknown("POST /x HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"
                          "abc\r\n"),
                  Resynchronised(Request(0, "GET", "/after", "GET /after HTTP/1.1\r\n\r\n"))});
}

TEST(Http1RequestTest, ShowsAMalformedHeadAsUnknownAndGoesOnAfterIt) {
  ExpectRequests(
      "malformed_field_line.request",
      {Unknown("GET /bad HTTP/1.1\r\nHost: a\r\nno colon here\r\n\r\n"),
       Resynchronised(Request(0, "GET", "/good", "GET /good HTTP/1.1\r\nHost: a\r\n\r\n"))});
}

TEST(Http1RequestTest, GivesUpABodyWhoseChunkSizeIsBeyond64BitsAndGoesOnAfterIt) {
  ExpectRequests(
      "chunk_size_beyond_64_bits.request",
      {Incomplete(
           Request(1, "POST", "/", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "ab")),
       Unknown("10000000000000000\r\nx\r\n0\r\n\r\n"),
       Resynchronised(Request(0, "GET", "/after", "GET /after HTTP/1.1\r\n\r\n"))});
}

TEST(Http1RequestTest, ShowsBinaryBetweenRequestsAsUnknown) {
  ExpectRequests("binary_between_requests.request",
                 {Request(1, "GET", "/1", "GET /1 HTTP/1.1\r\n\r\n"),
                  Unknown(std::string("\0\1\2\nbin\xff\r\n", 10)),
                  Resynchronised(Request(0, "GET", "/2", "GET /2 HTTP/1.1\r\n\r\n"))});
}

TEST(Http1RequestTest, TakesHeaderLinesOfSixtyFourKibibytesAndMore) {
  const std::string head = "GET / HTTP/1.1\r\nCookie: " + std::string(100'000, 'c') + "\r\n\r\n";
  const Input input{Role::kRequest, head + head, {}, StreamEnd::kIdle, {}};
  const Outcome expected{{Request(1, "GET", "/", head), Request(2, "GET", "/", head)}, false, {}};
  EXPECT_EQ(Parse(input).messages, expected.messages);
  for (std::size_t cut = 1; cut < input.bytes.size(); cut += 3001) {
    EXPECT_TRUE(Parse(input, {cut}) == expected) << cut;
  }
}

TEST(Http1RequestTest, ShowsAHeadLongerThanTheLimitAsUnknownAndGoesOnAfterIt) {
  const std::string too_long = "GET /a HTTP/1.1\r\nX: " + std::string(100, 'x') + "\r\n\r\n";
  const std::string next = "GET /b HTTP/1.1\r\n\r\n";
  Input input{Role::kRequest, too_long + next, {}, StreamEnd::kIdle, {}};
  input.limits.head_bytes = too_long.size() - 1;
  ExpectForEverySplit(
      input, {{Unknown(too_long), Resynchronised(Request(0, "GET", "/b", next))}, false, {}});
  input.limits.head_bytes = too_long.size();
  ExpectForEverySplit(
      input, {{Request(1, "GET", "/a", too_long), Request(2, "GET", "/b", next)}, false, {}});
}

TEST(Http1RequestTest, RefusesANulInAHead) {
  const std::string bytes("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 26);
  ExpectForEverySplit({Role::kRequest, bytes, {}, StreamEnd::kIdle, {}},
                      {{Unknown(bytes)}, false, {}});
}

TEST(Http1RequestTest, RefusesATransferCodingThatDoesNotEndInChunked) {
  const std::string bytes = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\nabc\n";
  ExpectForEverySplit({Role::kRequest, bytes, {}, StreamEnd::kIdle, {}},
                      {{Unknown(bytes)}, false, {}});
}

TEST(Http1RequestTest, EmitsAnUnfinishedHeadAsUnknownAndIncomplete) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a";
  ExpectForEverySplit({Role::kRequest, bytes, {}, StreamEnd::kClosed, {}},
                      {{Incomplete(Unknown(bytes))}, false, {}});
}

TEST(Http1RequestTest, EmitsAnUnfinishedBodyAsIncomplete) {
  const std::string head = "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n";
  ExpectForEverySplit({Role::kRequest, head + "half", {}, StreamEnd::kClosed, {}},
                      {{Incomplete(Request(1, "POST", "/", head, "half"))}, false, {}});
}

TEST(Http1RequestTest, LinesThatLookLikeStartLinesCostLinearTime) {
  std::string bytes;
  for (int i = 0; i < 200'000; ++i) bytes += "GET / HTTP/1.1\r\n";
  Input input{Role::kRequest, bytes, {}, StreamEnd::kIdle, {}};
  const Outcome outcome = Parse(input);
  ASSERT_EQ(outcome.messages.size(), 1U);
  EXPECT_EQ(outcome.messages[0].body, bytes);
}

}  // namespace
}  // namespace tlscope
