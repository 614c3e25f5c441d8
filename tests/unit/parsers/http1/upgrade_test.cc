// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

constexpr char kConnect[] = "CONNECT example.org:443 HTTP/1.1\r\n\r\n";
constexpr char kSwitching[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

TEST(Http1UpgradeTest, HandsOverTheBytesAfterA101) {
  ExpectForEverySplit(
      {Role::kResponse,
       ReadFixture("switching_protocols.response"),
       ReadFixture("upgrade_websocket.request"),
       StreamEnd::kIdle,
       {}},
      {{Response(1, 101, kSwitching)}, true, std::string("\x81\x05hello\x88\0", 9)});
}

TEST(Http1UpgradeTest, HandsOverTheBytesAfterASuccessfulConnectWhateverItsContentLength) {
  ExpectForEverySplit(
      {Role::kResponse,
       ReadFixture("connect_established.response"),
       kConnect,
       StreamEnd::kIdle,
       {}},
      {{Response(1, 200, "HTTP/1.1 200 Connection established\r\nContent-Length: 10\r\n\r\n")},
       true,
       std::string("\x16\x03\x01\x00\x05tls..", 10)});
}

TEST(Http1UpgradeTest, ARefusedConnectHasABody) {
  ExpectForEverySplit(
      {Role::kResponse, ReadFixture("connect_refused.response"), kConnect, StreamEnd::kIdle, {}},
      {{Response(1, 403, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n", "no")}, false, {}});
}

TEST(Http1UpgradeTest, EverySuccessfulAnswerToConnectOpensATunnel) {
  ExpectForEverySplit(
      {Role::kResponse, ReadFixture("connect_no_content.response"), kConnect, StreamEnd::kIdle, {}},
      {{Response(1, 204, "HTTP/1.1 204 No Content\r\nVia: proxy\r\n\r\n")}, true, "\x16\x03\x01"});
}

TEST(Http1UpgradeTest, A101ThatNobodyAskedForIsOneMoreInterimResponse) {
  const std::string final_head = "HTTP/1.1 204 No Content\r\n\r\n";
  ExpectForEverySplit(
      {Role::kResponse, kSwitching + final_head, "GET / HTTP/1.1\r\n\r\n", StreamEnd::kIdle, {}},
      {{Response(1, 101, kSwitching), Response(1, 204, final_head)}, false, {}});
}

TEST(Http1UpgradeTest, TheRequestDirectionHandsOverItsNextBytes) {
  Connection connection;
  connection.request.Feed(ReadFixture("upgrade_websocket.request"), kKtime);
  EXPECT_EQ(connection.response.Feed(kSwitching, kKtime), ParseStatus::kUpgrade);
  EXPECT_EQ(connection.context.http1.upgrade(), http1::UpgradeKind::kSwitched);
  EXPECT_EQ(connection.context.http1.upgrade_token(), "websocket");
  EXPECT_EQ(connection.request.Feed("\x81\x85", kKtime), ParseStatus::kUpgrade);
  EXPECT_EQ(connection.request.TakeRest(), "\x81\x85");
  EXPECT_EQ(connection.requests.messages.size(), 1U);
}

TEST(Http1UpgradeTest, TheRequestDirectionHandsOverWhatCameTooEarlyToo) {
  Connection connection;
  connection.request.Feed(kConnect, kKtime);
  connection.request.Feed("\x16\x03\nGE", kKtime);
  connection.response.Feed("HTTP/1.1 200 OK\r\n\r\n", kKtime);
  EXPECT_EQ(connection.context.http1.upgrade(), http1::UpgradeKind::kTunnel);
  EXPECT_EQ(connection.request.Feed("T", kKtime), ParseStatus::kUpgrade);
  EXPECT_EQ(connection.request.TakeRest(), "\x16\x03\nGET");
  EXPECT_EQ(connection.requests.messages.size(), 1U);
  EXPECT_EQ(connection.budget.used_bytes(), 0U);
}

TEST(Http1UpgradeTest, TheRequestDirectionFinishesItsBodyFirst) {
  Connection connection;
  connection.request.Feed("POST / HTTP/1.1\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nab", kKtime);
  connection.response.Feed("HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n", kKtime);
  EXPECT_EQ(connection.request.Feed("cdPRI * ", kKtime), ParseStatus::kUpgrade);
  EXPECT_EQ(connection.request.TakeRest(), "PRI * ");
  ASSERT_EQ(connection.requests.messages.size(), 1U);
  EXPECT_EQ(connection.requests.messages[0].body, "abcd");
}

TEST(Http1UpgradeTest, EmitsWhatCameTooEarlyWhenPartOfItIsNotThere) {
  ParserLimits limits;
  limits.body_bytes = 2;
  Connection connection(limits);
  connection.request.Feed(kConnect, kKtime);
  connection.request.Feed("\x16\x03\x01", kKtime);
  connection.response.Feed("HTTP/1.1 200 OK\r\n\r\n", kKtime);
  EXPECT_EQ(connection.request.Feed("x", kKtime), ParseStatus::kUpgrade);
  EXPECT_EQ(connection.request.TakeRest(), "x");
  ASSERT_EQ(connection.requests.messages.size(), 2U);
  EXPECT_EQ(connection.requests.messages[1], WithCut(Unknown("\x16\x03"), 1));
  connection.request.Finish(StreamEnd::kClosed);
  EXPECT_EQ(connection.requests.messages.size(), 2U);
}

TEST(Http1UpgradeTest, AGapAfterTheUpgradeIsTheNextParsers) {
  Connection connection;
  connection.request.Feed(kConnect, kKtime);
  connection.response.Feed("HTTP/1.1 200 OK\r\n\r\n", kKtime);
  EXPECT_EQ(connection.request.Gap(10, kKtime), ParseStatus::kUpgrade);
  EXPECT_EQ(connection.request.TakeRest(), "");
}

}  // namespace
}  // namespace tlscope
