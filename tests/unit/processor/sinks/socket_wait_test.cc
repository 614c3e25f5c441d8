// SPDX-License-Identifier: Apache-2.0
//
// The first data of a connection waits for its socket, where that may follow at once.
#include "tests/unit/processor/connections/processor_fixture.h"

namespace tlscope::testing {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::uint64_t kSock = 0xffff'8881'2345'6780;
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 204 No Content\r\n\r\n";

class SocketWaitTest : public ProcessorTest {
 protected:
  void WritePending(std::string_view bytes, std::uint64_t ktime_ns = kStart) {
    DataRecord record = ssl.Call(TLSCOPE_WRITE, bytes, ktime_ns);
    record.wire.socket_pending = 1;
    Take(record.Encode());
  }
  void FindSocket() {
    tlscope_ssl_socket found = MakeSslSocket(kSock);
    found.header.tgid = ssl.pid;
    found.ssl = ssl.ssl;
    found.ssl_generation = ssl.generation;
    Take(BytesOf(found));
  }

  TracedSsl ssl;
};

TEST_F(SocketWaitTest, ShowsTheFirstMessageWithTheSocketThatIsFoundWhenItIsSent) {
  WritePending(kGet);
  EXPECT_THAT(seen.messages, IsEmpty());
  FindSocket();
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].connection.tuple.remote.port, 443);
  EXPECT_EQ(seen.messages[0].connection.provenance, Provenance::kMatched);
  EXPECT_THAT(seen.messages[0].uuid, StartsWith("sock:1234_1235_curl_5_1_"));
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_active, 0U);
  EXPECT_EQ(processor->held_bytes(), 0U);
}

TEST_F(SocketWaitTest, WaitsForATickAtMost) {
  WritePending(kGet);
  processor->Tick(kStart + 100 * kMillisecond - 1);
  EXPECT_THAT(seen.messages, IsEmpty());
  processor->Tick(kStart + 100 * kMillisecond);
  ASSERT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(seen.messages[0].uuid, "1234_1235_curl_5_1");
  WritePending(kGet, kStart + kSecond / 2);
  EXPECT_THAT(seen.messages, SizeIs(2)) << "once is enough";
}

TEST_F(SocketWaitTest, EndsTheWaitWithDataThatKnowsTheSocket) {
  WritePending(kGet);
  ssl.sock = kSock;
  Read(ssl, kOk);
  ASSERT_THAT(seen.messages, SizeIs(2));
  EXPECT_EQ(seen.messages[0].message.target, "/");
  EXPECT_THAT(seen.messages, Each(Field(&Recorder::MessageCopy::uuid, StartsWith("sock:"))));
}

TEST_F(SocketWaitTest, KeepsTheOrderOfWhatWaits) {
  WritePending(kGet);
  Read(ssl, kOk);
  WritePending("GET /2 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(seen.messages, IsEmpty());
  FindSocket();
  ASSERT_THAT(seen.messages, SizeIs(3));
  EXPECT_EQ(seen.messages[1].message.status, 204);
  EXPECT_EQ(seen.messages[2].message.target, "/2");
  EXPECT_THAT(seen.messages, Each(Field(&Recorder::MessageCopy::uuid, StartsWith("sock:"))));
}

TEST_F(SocketWaitTest, HoldsLittle) {
  for (std::size_t count = 0; count < ConnectionWorker::kMaxHeldEvents; ++count) {
    WritePending(kGet);
    EXPECT_THAT(seen.messages, IsEmpty());
  }
  WritePending(kGet);
  EXPECT_THAT(seen.messages, SizeIs(ConnectionWorker::kMaxHeldEvents + 1));
}

TEST_F(SocketWaitTest, ShowsWhatWaitsWhenTheSslObjectEnds) {
  WritePending(kGet);
  Take(BytesOf(ssl.End()));
  EXPECT_THAT(seen.messages, SizeIs(1));
  EXPECT_EQ(processor->held_bytes(), 0U);
}

TEST_F(SocketWaitTest, TakesNoSocketForAnSslObjectItDoesNotKnow) {
  FindSocket();
  EXPECT_EQ(stats().workers_active, 0U);
  ssl.sock = kSock + 64;
  Write(ssl, kGet);
  FindSocket();
  CloseSocket(kSock);
  EXPECT_EQ(stats().workers_active, 1U) << "its own socket is another";
}

}  // namespace
}  // namespace tlscope::testing
