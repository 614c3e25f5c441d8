// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/line_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/processor/events/event_builders.h"

namespace tlscope {
namespace {

// 2026-11-21T08:54:12.123456789Z, of which 100 s had passed since the system started.
constexpr std::int64_t kOffset = 1'795'251'252'123'456'789 - 100'000'000'000;
constexpr std::uint64_t kNow = 100'000'000'000;

ConnectionInfo Connection() { return testing::CurlTo({{10, 0, 0, 7}, 443}); }

ExchangeEvent Exchange(const ConnectionInfo& connection) {
  return {.connection = connection,
          .method = "GET",
          .target = "/a?b=c",
          .host = "example.org:8443",
          .status = 200,
          .request_bytes = 0,
          .response_bytes = 1256,
          .request_ktime_ns = kNow,
          .first_byte_ktime_ns = kNow + 1'000'000,
          .last_byte_ktime_ns = kNow + 12'345'678};
}

std::string Render(const BusPayload& payload) {
  LineFormat format(kOffset);
  std::string out;
  format.Append(payload, out);
  return out;
}

TEST(LineFormatTest, WritesNineColumns) {
  const ConnectionInfo connection = Connection();
  EXPECT_EQ(Render(Exchange(connection)),
            "2026-11-21T08:54:12.123456Z 1234 curl 10.0.0.7:443 GET "
            "https://example.org:8443/a?b=c 200 1256 12.345\n");
}

TEST(LineFormatTest, LeavesTargetsAloneThatSayWhereTheyGo) {
  const ConnectionInfo connection = Connection();
  ExchangeEvent exchange = Exchange(connection);
  for (const char* target : {"http://other/x", "other:443", "*"}) {
    exchange.target = target;
    EXPECT_NE(Render(exchange).find(std::string("GET ") + target + " 200"), std::string::npos);
  }
}

TEST(LineFormatTest, KeepsItsColumnsWhateverIsMissing) {
  ConnectionInfo connection;
  connection.comm = "two words\n";
  ExchangeEvent exchange = Exchange(connection);
  exchange.target = "/ \x1b[2J\xff";
  const std::string hostile = Render(exchange);
  EXPECT_NE(hostile.find(" two\\x20words\\x0a - GET "), std::string::npos) << hostile;
  EXPECT_NE(hostile.find("/\\x20\\x1b[2J\\xff 200"), std::string::npos) << hostile;

  const ExchangeEvent unanswered{.connection = connection,
                                 .method = "GET",
                                 .target = "/",
                                 .host = {},
                                 .status = 0,
                                 .request_bytes = 0,
                                 .response_bytes = 0,
                                 .request_ktime_ns = kNow,
                                 .first_byte_ktime_ns = 0,
                                 .last_byte_ktime_ns = 0};
  EXPECT_TRUE(Render(unanswered).ends_with(" - GET / - - -\n"));

  ExchangeEvent unasked = Exchange(connection);
  unasked.method = unasked.target = unasked.host = {};
  unasked.request_ktime_ns = 0;
  EXPECT_TRUE(Render(unasked).ends_with(" - - - 200 1256 -\n"));
  for (const BusPayload& payload : {BusPayload(unanswered), BusPayload(unasked)}) {
    const std::string line = Render(payload);
    EXPECT_EQ(std::count(line.begin(), line.end(), ' '), 8) << line;
  }
}

TEST(LineFormatTest, ShowsLossesInTheSameColumns) {
  const ConnectionInfo connection = Connection();
  EXPECT_EQ(Render(LossEvent{connection, DataType::kRead, "uuid", 512, kNow}),
            "2026-11-21T08:54:12.123456Z 1234 curl 10.0.0.7:443 LOST - - 512 -\n");
}

TEST(LineFormatTest, ShowsNoMessages) {
  const ConnectionInfo connection = Connection();
  const Message message;
  EXPECT_EQ(Render(MessageEvent{connection, DataType::kRead, "uuid", message}), "");
}

TEST(LineFormatTest, MarksWhereEventsWereDroppedByTheRateLimit) {
  LineFormat format(0);
  std::string out;
  format.Append(RateLimitEvent{10, 3, 1'000'000'000}, out);
  EXPECT_EQ(out, "1970-01-01T00:00:01.000000Z - - - LIMITED - - 3 -\n");
}

}  // namespace
}  // namespace tlscope
