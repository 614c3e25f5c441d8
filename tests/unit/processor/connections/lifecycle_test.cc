// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/processor/connections/processor_fixture.h"

namespace tlscope::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

using LifecycleTest = ProcessorTest;

constexpr std::uint64_t kSock = 0xffff'8881'2345'6780;
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
// No length: it ends with the connection.
constexpr std::string_view kUntilClose = "HTTP/1.1 200 OK\r\n\r\nbody";

TEST_F(LifecycleTest, EndsAnUnboundConnectionTenTicksAfterItsLastEvent) {
  TracedSsl ssl;
  Write(ssl, kGet, kStart - kSecond / 2);
  Read(ssl, kUntilClose, kStart);
  processor->Tick(kStart + kSecond - 1);
  EXPECT_EQ(stats().workers_active, 1U);
  EXPECT_THAT(seen.messages, SizeIs(1));
  processor->Tick(kStart + kSecond);
  EXPECT_EQ(stats().workers_active, 0U);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_FALSE(seen.messages[1].message.complete) << "nobody saw the connection close";
}

TEST_F(LifecycleTest, EndsOnlyTheConnectionsThatAreDue) {
  TracedSsl early{.ssl = 1};
  TracedSsl late{.ssl = 2};
  Write(early, kGet, kStart);
  Write(late, kGet, kStart + 1);
  processor->Tick(kStart + kSecond);
  EXPECT_EQ(stats().workers_active, 1U);
  Write(late, kGet, kStart + kSecond);
  processor->Tick(kStart + 2 * kSecond - 1);
  EXPECT_EQ(stats().workers_active, 1U);
  processor->Tick(kStart + 2 * kSecond);
  EXPECT_EQ(stats().workers_active, 0U);
}

TEST_F(LifecycleTest, KeepsABoundConnectionUntilItsSocketCloses) {
  TracedSsl ssl{.sock = kSock};
  Write(ssl, kGet);
  Read(ssl, kUntilClose);
  processor->Tick(kStart + 3600 * kSecond);
  EXPECT_EQ(stats().workers_active, 1U);
  EXPECT_THAT(seen.messages, SizeIs(1));
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_active, 0U);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_TRUE(seen.messages[1].message.complete) << "the close delimits it";
  EXPECT_EQ(seen.topics.back(), Topic::kConnClosed) << "after the connection's last data";
}

TEST_F(LifecycleTest, EndsEveryConnectionOfASocketThatCloses) {
  TracedSsl outer{.ssl = 1, .sock = kSock};
  TracedSsl inner{.ssl = 2, .sock = kSock};
  TracedSsl other{.ssl = 3, .sock = kSock + 64};
  for (TracedSsl* ssl : {&outer, &inner, &other}) Write(*ssl, kGet);
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_active, 1U);
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_active, 1U);
  CloseSocket(kSock + 64);
  EXPECT_EQ(stats().workers_active, 0U);
}

TEST_F(LifecycleTest, BindsWhenALaterEventNamesTheSocketAndKeepsItsName) {
  TracedSsl ssl;
  Write(ssl, kGet);
  ssl.sock = kSock;
  Write(ssl, kGet);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(seen.messages[1].uuid, "1234_1235_curl_5_1");
  EXPECT_EQ(seen.messages[1].connection.tuple.remote.port, 443);
  ssl.sock = 0;
  Write(ssl, kGet);
  processor->Tick(kStart + 10 * kSecond);
  EXPECT_EQ(stats().workers_active, 1U) << "bound: it waits for the close";
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_active, 0U);
}

TEST_F(LifecycleTest, StartsAnewWhenAnEventNamesAnotherSocket) {
  TracedSsl ssl{.sock = kSock};
  Write(ssl, kGet);
  Read(ssl, kUntilClose);
  ssl.sock = kSock + 64;
  Write(ssl, kGet);
  ASSERT_THAT(seen.messages, SizeIs(3));
  EXPECT_TRUE(seen.messages[1].message.complete) << "the old connection is closed";
  EXPECT_NE(seen.messages[2].uuid, seen.messages[0].uuid);
  EXPECT_EQ(stats().workers_created, 2U);
  EXPECT_EQ(stats().workers_active, 1U);
  EXPECT_EQ(stats().gaps, 0U) << "joined where the SSL object is";
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_active, 1U) << "the old socket no longer concerns it";
}

TEST_F(LifecycleTest, EndsWithItsSslObject) {
  TracedSsl ssl{.sock = kSock};
  Write(ssl, kGet);
  Read(ssl, kUntilClose);
  Take(BytesOf(ssl.End()));
  EXPECT_EQ(stats().workers_active, 0U);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_TRUE(seen.messages[1].message.complete);
  EXPECT_EQ(stats().gaps, 0U);
  Take(BytesOf(ssl.End()));
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_ended, 1U);
}

TEST_F(LifecycleTest, ReportsTheTailThatWasLostBeforeTheSslObjectWent) {
  TracedSsl ssl;
  Write(ssl, kGet);
  Read(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123");
  ssl.Call(TLSCOPE_READ, "4567890", kStart);  // never delivered
  Take(BytesOf(ssl.End()));
  ASSERT_THAT(seen.losses, SizeIs(1));
  EXPECT_EQ(seen.losses[0].bytes, 7U);
  EXPECT_EQ(seen.losses[0].direction, DataType::kRead);
  EXPECT_EQ(seen.losses[0].uuid, "1234_1235_curl_5_0");
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_THAT(seen.messages[1].message.gaps, ::testing::ElementsAre(BodyGap{3, 7}));
  EXPECT_EQ(stats().gap_bytes, 7U);
}

TEST_F(LifecycleTest, EvictsTheLeastRecentlyActiveConnectionWhenFull) {
  Restart({.max_workers = 2});
  TracedSsl first{.ssl = 1};
  TracedSsl second{.ssl = 2, .sock = kSock};
  TracedSsl third{.ssl = 3};
  Write(first, "GET /first HTTP/1.1\r\n", kStart);
  Write(second, "GET /second HTTP/1.1\r\n", kStart + 1);
  Write(first, "Host: a\r\n", kStart + 2);
  Write(third, kGet, kStart + 3);
  EXPECT_EQ(stats().workers_evicted, 1U);
  EXPECT_EQ(stats().workers_active, 2U);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_THAT(seen.messages[0].uuid, HasSubstr("sock:")) << "the second was least active";
  EXPECT_FALSE(seen.messages[0].message.complete);
  Write(first, "\r\n", kStart + 4);
  EXPECT_EQ(seen.messages.back().message.target, "/first");
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_active, 2U);
}

TEST_F(LifecycleTest, IsNotKeptFromEndingConnectionsByATimeFromTheFuture) {
  TracedSsl odd{.ssl = 1};
  TracedSsl good{.ssl = 2};
  Write(odd, kGet, kStart + 1'000'000 * kSecond);
  Write(good, kGet, kStart);
  processor->Tick(kStart + kSecond);
  EXPECT_EQ(stats().workers_active, 1U);
  processor->Tick(kStart + 2 * kSecond);
  EXPECT_EQ(stats().workers_active, 0U);
}

TEST_F(LifecycleTest, CloseEndsEverything) {
  TracedSsl unbound{.ssl = 1};
  TracedSsl bound{.ssl = 2, .sock = kSock};
  Write(unbound, "raw bytes");
  Write(bound, "GET / HTTP/1.1\r\n");
  processor->Close(kStart);
  EXPECT_EQ(stats().workers_active, 0U);
  EXPECT_EQ(stats().workers_ended, 2U);
  EXPECT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(processor->held_bytes(), 0U);
}

TEST_F(LifecycleTest, NamesABoundConnectionByItsSocketWithoutTellingTheAddress) {
  TracedSsl ssl{.sock = kSock};
  Write(ssl, kGet);
  Read(ssl, "HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_THAT(seen.messages[0].uuid,
              MatchesRegex("sock:1234_1235_curl_5_1_127.0.0.1:54321-10.0.0.1:443_"
                           "[0-9a-f]+"));
  EXPECT_THAT(seen.messages[0].uuid, ::testing::Not(HasSubstr("23456780")));
  std::string other = seen.messages[0].uuid;
  other.replace(other.find("_5_1_"), 5, "_5_0_");
  EXPECT_EQ(seen.messages[1].uuid, other) << "the directions differ in the data type alone";

  Restart({});
  TracedSsl again{.sock = kSock};
  Write(again, kGet);
  EXPECT_NE(seen.messages[2].uuid, seen.messages[0].uuid) << "the key is of this processor alone";
}

TEST_F(LifecycleTest, EscapesANameThatAProcessGaveItself) {
  TracedSsl ssl{.comm = "a,b\n\x1b\\\xc3\xa9 c"};
  Write(ssl, kGet);
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].connection.comm, "a\\x2cb\\x0a\\x1b\\x5c\\xc3\\xa9 c");
  EXPECT_EQ(seen.messages[0].uuid, "1234_1235_a\\x2cb\\x0a\\x1b\\x5c\\xc3\\xa9 c_5_1");
}

}  // namespace
}  // namespace tlscope::testing
