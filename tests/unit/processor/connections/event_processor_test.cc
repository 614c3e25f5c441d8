// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/event_processor.h"

#include "tests/unit/processor/connections/processor_fixture.h"

namespace tlscope::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using EventProcessorTest = ProcessorTest;

std::string Get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(EventProcessorTest, PublishesMessagesOnTheirTopics) {
  TracedSsl ssl;
  Write(ssl, Get("/"));
  Read(ssl, kOk);
  TracedSsl other{.ssl = 2};
  Write(other, "hello");
  processor->Close(kStart);
  ASSERT_THAT(seen.messages, SizeIs(3));
  EXPECT_EQ(seen.messages[0].topic, Topic::kHttpRequest);
  EXPECT_EQ(seen.messages[0].direction, DataType::kWrite);
  EXPECT_EQ(seen.messages[1].topic, Topic::kHttpResponse);
  EXPECT_EQ(seen.messages[1].direction, DataType::kRead);
  EXPECT_EQ(seen.messages[2].topic, Topic::kTlsData);
  EXPECT_EQ(seen.messages[2].message.body, "hello");
  EXPECT_EQ(stats().messages[static_cast<std::size_t>(ParserType::kHttp1Request)], 1U);
  EXPECT_EQ(stats().messages[static_cast<std::size_t>(ParserType::kUnknown)], 1U);
}

TEST_F(EventProcessorTest, EmitsAMessageWhenItIsCompleteAndNotLater) {
  TracedSsl ssl;
  const std::string request = Get("/");
  Write(ssl, request.substr(0, 5));
  Write(ssl, request.substr(5, 12));
  EXPECT_THAT(seen.messages, IsEmpty());
  Write(ssl, request.substr(17));
  EXPECT_THAT(seen.messages, SizeIs(1));
}

TEST_F(EventProcessorTest, KeepsForksWithTheSameSslAddressApart) {
  TracedSsl parent{.pid = 100};
  TracedSsl child{.pid = 200};
  Write(parent, "GET /parent HT");
  Write(child, "GET /child HT");
  Write(parent, "TP/1.1\r\n\r\n");
  Write(child, "TP/1.1\r\n\r\n");
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(seen.messages[0].message.target, "/parent");
  EXPECT_EQ(seen.messages[0].connection.pid, 100U);
  EXPECT_EQ(seen.messages[1].message.target, "/child");
  EXPECT_EQ(seen.messages[1].connection.pid, 200U);
}

TEST_F(EventProcessorTest, KeepsLivesOfOneSslAddressApart) {
  TracedSsl first;
  TracedSsl second{.generation = 2};
  Write(first, "GET /first HT");
  Write(second, Get("/second"));
  EXPECT_EQ(seen.messages.at(0).message.target, "/second");
  EXPECT_EQ(stats().workers_active, 2U);
  EXPECT_EQ(stats().overlaps, 0U);
}

TEST_F(EventProcessorTest, FollowsManyConnectionsOfOneThread) {
  constexpr int kConnections = 50;
  std::vector<TracedSsl> ssls(kConnections);
  for (int i = 0; i < kConnections; ++i) {
    ssls[static_cast<std::size_t>(i)].ssl = static_cast<std::uint64_t>(i);
  }
  const std::string request = Get("/x");
  for (std::size_t at = 0; at < request.size(); ++at) {
    for (TracedSsl& ssl : ssls) Write(ssl, std::string_view(request).substr(at, 1));
  }
  EXPECT_THAT(seen.messages, SizeIs(kConnections));
  for (const auto& message : seen.messages) EXPECT_EQ(message.message.head, request);
}

TEST_F(EventProcessorTest, FollowsOneConnectionAcrossThreads) {
  TracedSsl ssl;
  Write(ssl, "GET /threads HT");
  ssl.tid = 9999;
  Write(ssl, "TP/1.1\r\n\r\n");
  ssl.tid = 7777;
  Read(ssl, kOk);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(seen.messages[0].message.target, "/threads");
  EXPECT_EQ(seen.messages[1].uuid, "1234_1235_curl_5_0") << "named by the first event's thread";
  EXPECT_EQ(stats().workers_created, 1U);
}

TEST_F(EventProcessorTest, CountsTheTimeOfARequestFromTheBeginningOfItsWrite) {
  TracedSsl ssl;
  auto slow = ssl.Call(TLSCOPE_WRITE, "GET / HTTP/1.1\r\n\r\n", kStart + 2000);
  slow.wire.moved_ns = kStart;
  Take(slow.Encode());
  Read(ssl, kOk, kStart + 5000);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(seen.messages[0].message.first_ktime_ns, kStart);
  ASSERT_THAT(seen.exchanges, SizeIs(1));
  EXPECT_EQ(seen.exchanges[0].request_ktime_ns, kStart);
}

TEST_F(EventProcessorTest, ReportsWhatWasMissedOfTheOtherDirection) {
  TracedSsl ssl;
  auto answer = ssl.Call(TLSCOPE_WRITE, kOk, kStart + 5);
  answer.wire.missed = 1 + TLSCOPE_READ;
  Take(answer.Encode());
  Read(ssl, Get("/next"));
  ASSERT_THAT(seen.losses, SizeIs(1));
  EXPECT_EQ(seen.losses[0].bytes, 0U) << "not known how many";
  EXPECT_EQ(seen.losses[0].direction, DataType::kRead);
  EXPECT_EQ(seen.topics.front(), Topic::kTlsLost);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(seen.messages[1].message.target, "/next");
  EXPECT_EQ(stats().gaps, 1U);
}

TEST_F(EventProcessorTest, EndsAMessageOfWhichAnUnknownPartWasMissed) {
  TracedSsl ssl;
  Read(ssl, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nab");
  auto next = ssl.Call(TLSCOPE_READ, Get("/next"), kStart);
  next.wire.missed = 1 + TLSCOPE_READ;
  Take(next.Encode());
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_FALSE(seen.messages[0].message.complete);
  EXPECT_EQ(seen.messages[1].message.target, "/next");
}

TEST_F(EventProcessorTest, ReportsALossBeforeWhatFollowsIt) {
  TracedSsl ssl;
  Write(ssl, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nab");
  ssl.Call(TLSCOPE_WRITE, "cdefgh", kStart);  // never delivered
  Write(ssl, "ij", kStart + 5);
  ASSERT_THAT(seen.losses, SizeIs(1));
  EXPECT_EQ(seen.losses[0].bytes, 6U);
  EXPECT_EQ(seen.losses[0].ktime_ns, kStart + 5);
  EXPECT_EQ(seen.losses[0].direction, DataType::kWrite);
  EXPECT_THAT(seen.topics, ElementsAre(Topic::kTlsProtocol, Topic::kTlsLost, Topic::kHttpRequest));
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.body, "abij");
  EXPECT_THAT(seen.messages[0].message.gaps, ElementsAre(BodyGap{2, 6}));
  EXPECT_EQ(stats().gaps, 1U);
  EXPECT_EQ(stats().gap_bytes, 6U);
}

TEST_F(EventProcessorTest, FeedsRepeatedBytesOnlyOnce) {
  TracedSsl ssl;
  const std::string request = Get("/once");
  DataRecord half = ssl.Call(TLSCOPE_WRITE, request.substr(0, 20), kStart);
  Take(half.Encode());
  Take(half.Encode());
  ssl.offset[TLSCOPE_WRITE] = 10;
  Write(ssl, request.substr(10));
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.head, request);
  EXPECT_EQ(stats().overlaps, 2U);
  EXPECT_EQ(stats().overlap_bytes, 30U);
  EXPECT_EQ(stats().gaps, 0U);
}

TEST_F(EventProcessorTest, JoinsAConnectionInTheMiddleWithoutCallingItALoss) {
  TracedSsl ssl;
  ssl.offset[TLSCOPE_WRITE] = 1'000'000;
  Write(ssl, "end of something");
  Write(ssl, Get("/next"));
  EXPECT_THAT(seen.losses, IsEmpty());
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(seen.messages[0].message.body, "end of something");
  EXPECT_EQ(seen.messages[1].message.target, "/next");
  EXPECT_TRUE(seen.messages[1].message.resynchronised);
  Write(ssl, Get("/after"));
  ASSERT_THAT(seen.messages, SizeIs(3));
  EXPECT_FALSE(seen.messages[2].message.resynchronised);
}

TEST_F(EventProcessorTest, PutsTheChunksOfACallTogether) {
  TracedSsl ssl;
  const std::string body(40000, 'x');
  const std::string request =
      "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (std::size_t at = 0; at < request.size(); at += TLSCOPE_CHUNK_MAX) {
    DataRecord record(request.substr(at, TLSCOPE_CHUNK_MAX));
    record.wire.total_len = request.size();
    record.wire.chunk_offset = at;
    Take(record.Encode());
  }
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.body, body);
  EXPECT_EQ(stats().gaps + stats().overlaps, 0U);
}

TEST_F(EventProcessorTest, KnowsAtOnceThatTheRestOfACallIsLeftOut) {
  TracedSsl ssl;
  const std::string request = "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789";
  DataRecord cut = ssl.Call(TLSCOPE_WRITE, request.substr(0, request.size() - 6), kStart);
  cut.wire.total_len = request.size();
  Take(cut.Encode());
  EXPECT_THAT(seen.messages, IsEmpty()) << "more of the call may come";
  cut.wire.ends_call = 1;
  Take(cut.Encode());
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.body, "0123");
  EXPECT_THAT(seen.messages[0].message.gaps, ElementsAre(BodyGap{4, 6}));
  ASSERT_THAT(seen.losses, SizeIs(1));
  EXPECT_EQ(seen.losses[0].bytes, 6U);
  ssl.offset[TLSCOPE_WRITE] = request.size();
  Write(ssl, Get("/next"));
  EXPECT_THAT(seen.losses, SizeIs(1));
  EXPECT_THAT(seen.messages, SizeIs(2));
}

TEST_F(EventProcessorTest, EmitsRawBytesWhenTheOtherSideSpeaks) {
  TracedSsl ssl;
  Write(ssl, "EHLO ");
  Write(ssl, "me\n");
  EXPECT_THAT(seen.messages, IsEmpty());
  Read(ssl, "250 ok\n");
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.body, "EHLO me\n");
  Write(ssl, "QUIT\n");
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(seen.messages[1].message.body, "250 ok\n");
}

TEST_F(EventProcessorTest, EmitsRawBytesAfterATickWithoutMore) {
  TracedSsl ssl{.sock = 64};
  Write(ssl, "tick.\n", kStart);
  processor->Tick(kStart + 100 * kMillisecond - 1);
  EXPECT_THAT(seen.messages, IsEmpty());
  processor->Tick(kStart + 100 * kMillisecond);
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.body, "tick.\n");
  processor->Tick(kStart + 200 * kMillisecond);
  EXPECT_THAT(seen.messages, SizeIs(1));
  Write(ssl, "tock", kStart + 300 * kMillisecond);
  processor->Tick(kStart + 400 * kMillisecond);
  EXPECT_THAT(seen.messages, SizeIs(2));
}

TEST_F(EventProcessorTest, WaitsTenTicksForTheRestOfWhatMayBeAStartLine) {
  TracedSsl ssl{.sock = 64};
  Write(ssl, "hello", kStart);
  processor->Tick(kStart + kSecond - 1);
  EXPECT_THAT(seen.messages, IsEmpty());
  processor->Tick(kStart + kSecond);
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.body, "hello");
  EXPECT_EQ(stats().workers_active, 1U);
}

TEST_F(EventProcessorTest, TakesAWordThatIsAnsweredForRaw) {
  TracedSsl ssl;
  Write(ssl, "hello");
  Read(ssl, "world");
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].message.body, "hello");
}

TEST_F(EventProcessorTest, PublishesTheOpeningOfSockets) {
  Take(BytesOf(MakeConn(7, TLSCOPE_CONN_OPENED)));
  EXPECT_THAT(seen.topics, ElementsAre(Topic::kConnOpened));
  EXPECT_EQ(stats().connection_events, 1U);
}

TEST_F(EventProcessorTest, KeepsOnlyTheLatestErrors) {
  for (int i = 0; i < 100; ++i) Take(Bytes(static_cast<std::size_t>(i % 3)));
  DataRecord bad("secret");
  bad.wire.direction = 7;
  Take(bad.Encode());
  EXPECT_EQ(stats().decode_errors, 101U);
  ASSERT_THAT(processor->recent_errors(), SizeIs(EventProcessor::kMaxErrors));
  EXPECT_THAT(processor->recent_errors().back().what, ::testing::HasSubstr("direction"));
  EXPECT_EQ(stats().records, 101U);
  EXPECT_EQ(stats().data_events, 0U);
}

TEST_F(EventProcessorTest, CountsWhatTheLimitsCut) {
  Restart({.limits = {.body_bytes = 4}});
  TracedSsl ssl;
  Write(ssl, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789");
  EXPECT_EQ(stats().cut_bytes, 6U);
}

TEST_F(EventProcessorTest, KeepsAsMuchOfABodyAsItIsToldMeanwhile) {
  constexpr std::string_view kHead = "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n";
  Restart({.limits = {.body_bytes = 100}});
  TracedSsl ssl;
  Write(ssl, std::string(kHead) + "01234");
  processor->SetBodyLimit(2);
  Write(ssl, "56789");
  Write(ssl, std::string(kHead) + "0123456789");
  processor->SetBodyLimit(7);
  Write(ssl, std::string(kHead) + "0123456789");
  ASSERT_THAT(seen.messages, SizeIs(3));
  EXPECT_EQ(seen.messages[0].message.body, "01234");
  EXPECT_EQ(seen.messages[1].message.body, "01");
  EXPECT_EQ(seen.messages[2].message.body, "0123456");
  EXPECT_EQ(stats().cut_bytes, 5U + 8U + 3U);
}

TEST_F(EventProcessorTest, PairsARequestWithItsResponse) {
  TracedSsl ssl;
  Write(ssl, "POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", kStart);
  Read(ssl, kOk.substr(0, 10), kStart + 10);
  Read(ssl, kOk.substr(10), kStart + 20);
  ASSERT_THAT(seen.exchanges, SizeIs(1));
  const auto& exchange = seen.exchanges[0];
  EXPECT_EQ(exchange.method, "POST");
  EXPECT_EQ(exchange.target, "/p");
  EXPECT_EQ(exchange.status, 200);
  EXPECT_EQ(exchange.request_bytes, 3U);
  EXPECT_EQ(exchange.response_bytes, 2U);
  EXPECT_EQ(exchange.request_ktime_ns, kStart);
  EXPECT_EQ(exchange.first_byte_ktime_ns, kStart + 10);
  EXPECT_EQ(exchange.last_byte_ktime_ns, kStart + 20);
  EXPECT_EQ(stats().exchanges, 1U);
}

TEST_F(EventProcessorTest, PairsPipelinedRequestsInOrderAndSkipsInterimResponses) {
  TracedSsl ssl;
  Write(ssl, Get("/1") + Get("/2") + Get("/3"));
  Read(ssl, "HTTP/1.1 103 Early Hints\r\n\r\n" + std::string(kOk) +
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" + std::string(kOk));
  std::vector<std::string> pairs;
  for (const auto& exchange : seen.exchanges) {
    pairs.push_back(exchange.target + " " + std::to_string(exchange.status));
  }
  EXPECT_THAT(pairs, ElementsAre("/1 200", "/2 404", "/3 200"));
  EXPECT_THAT(seen.messages, SizeIs(7));
}

TEST_F(EventProcessorTest, HoldsNothingForIdleConnectionsInTheBudget) {
  TracedSsl ssl{.sock = 64};
  for (int i = 0; i < 10; ++i) {
    Write(ssl, Get("/" + std::string(500, 'x')));
    Read(ssl, kOk);
  }
  EXPECT_EQ(processor->held_bytes(), 0U);
  EXPECT_THAT(seen.exchanges, SizeIs(10));
}

TEST_F(EventProcessorTest, SurvivesEveryRecordWithAFlippedByte) {
  TracedSsl ssl{.sock = 64};
  const std::vector<Bytes> records = {ssl.Call(TLSCOPE_WRITE, Get("/"), kStart).Encode(),
                                      ssl.Call(TLSCOPE_READ, kOk, kStart).Encode(),
                                      BytesOf(MakeConn(64, TLSCOPE_CONN_CLOSED)),
                                      BytesOf(ssl.End())};
  for (const Bytes& good : records) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
        Bytes bad = good;
        bad[at] ^= static_cast<std::byte>(flip);
        Take(bad);
        Take(good);
      }
    }
  }
  processor->Tick(kStart + kSecond);
  processor->Close(kStart);
  EXPECT_EQ(stats().workers_active, 0U);
  EXPECT_EQ(processor->held_bytes(), 0U);
}

}  // namespace
}  // namespace tlscope::testing
