// SPDX-License-Identifier: Apache-2.0
//
// What is odd, and taken because real peers take it.
#include "tests/unit/parsers/parser_testing.h"

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

}  // namespace
}  // namespace tlscope
