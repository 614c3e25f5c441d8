// SPDX-License-Identifier: Apache-2.0
//
// What is odd, and taken because real peers take it.
#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

void ExpectRequests(const std::string& fixture, const Messages& expected) {
  ExpectForEverySplit({Role::kRequest, ReadFixture(fixture), {}, StreamEnd::kIdle, {}},
                      {expected, false, {}});
}

TEST(Http1ToleranceTest, TakesMoreSpacesThanOneInARequestLine) {
  ExpectRequests("extra_spaces_in_request_line.request",
                 {Request(1, "GET", "/a", "GET   /a  HTTP/1.1 \r\nHost: a\r\n\r\n"),
                  Request(2, "GET", "/b", "GET /b HTTP/1.1\r\n\r\n")});
}

TEST(Http1ToleranceTest, PassesOverEmptyLinesAndLoneCarriageReturnsBetweenMessages) {
  ExpectRequests("line_ends_between_requests.request",
                 {Request(1, "GET", "/a", "GET /a HTTP/1.1\r\n\r\n"),
                  Request(2, "GET", "/b", "GET /b HTTP/1.1\r\n\r\n")});
}

TEST(Http1ToleranceTest, TakesBareLineFeedsAndFoldedLinesInResponses) {
  const std::string head = "HTTP/1.1 200 OK\nX-Folded: one\n\ttwo\nContent-Length:\n 3\n\n";
  ExpectForEverySplit(
      {Role::kResponse,
       ReadFixture("bare_lf_and_folded_lines.response"),
       "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
       StreamEnd::kIdle,
       {}},
      {{Response(1, 200, head, "abc"), Response(2, 204, "HTTP/1.1 204 No Content\n\n")},
       false,
       {}});
}

TEST(Http1ToleranceTest, TakesAHeaderLineOfSixtyFourKibibytes) {
  const Input input{Role::kRequest, ReadFixture("header_line_of_64_kib.request"), {}, {}, {}};
  const std::size_t end = input.bytes.find("\r\n\r\n") + 4;
  ASSERT_GT(end, 64U << 10);
  const Outcome expected{{Request(1, "GET", "/long", input.bytes.substr(0, end)),
                          Request(2, "GET", "/next", input.bytes.substr(end))},
                         false,
                         {}};
  EXPECT_EQ(Parse(input).messages, expected.messages);
  // Within the line one place is like another; at its ends they are all tried.
  for (std::size_t cut = 1; cut < input.bytes.size(); cut += cut < 64 || cut > end - 64 ? 1 : 61) {
    ASSERT_TRUE(Parse(input, {cut}) == expected) << cut;
  }
}

}  // namespace
}  // namespace tlscope
