// SPDX-License-Identifier: Apache-2.0
// SSL objects that touch no socket: their peer is the right one, or none.
#include <openssl/ssl.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/bpf/capture_fixture.h"
#include "tests/bpf/tls_pair.h"

namespace tlscope {
namespace {

class MemoryBioBpfTest : public CaptureFixture {
 protected:
  /// What a thread did in the moments before, in another test, would count, too.
  void Start() { CaptureFixture::Start(OwnProcess()); }
};

// How a socket is found does not depend on where the calls are seen in the library.
INSTANTIATE_TEST_SUITE_P(Kernel, MemoryBioBpfTest, AttachStrategies(), AttachmentName);

Tuple Mirror(Tuple tuple) {
  std::swap(tuple.local, tuple.remote);
  return tuple;
}

void Write(SSL* ssl, const std::string& bytes) {
  ASSERT_EQ(SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())),
            static_cast<int>(bytes.size()));
}

/// What the server's next call that gives something gives.
std::string ReadAtServer(TlsPair& pair, std::size_t bytes = 16384) {
  std::string buffer(bytes, '\0');
  int got = 0;
  do {
    pair.FillServer();
    got = SSL_read(pair.server(), buffer.data(), static_cast<int>(bytes));
  } while (got <= 0);
  buffer.resize(static_cast<std::size_t>(got));
  return buffer;
}

TEST_P(MemoryBioBpfTest, FindsTheSocketThatARecordIsSentOnOrCameFrom) {
  Start();
  TlsPair pair(TlsPair::Binding::kMemory);
  ASSERT_EQ(pair.Send("request"), "request");
  ASSERT_EQ(pair.Send("another"), "another");
  Collect();
  const auto written = DataOf(pair.client(), DataType::kWrite);
  ASSERT_EQ(written.size(), 2U);
  EXPECT_FALSE(written[0]->event.socket.known());
  EXPECT_TRUE(written[0]->event.socket_pending);
  ASSERT_EQ(sockets_.size(), 1U);
  EXPECT_EQ(sockets_[0].ssl, written[0]->event.ssl);
  EXPECT_EQ(sockets_[0].tuple, pair.client_tuple());
  EXPECT_EQ(sockets_[0].provenance, Provenance::kMatched);
  EXPECT_EQ(sockets_[0].fd, pair.client_fd());
  EXPECT_EQ(written[1]->event.tuple, pair.client_tuple());
  const auto read = DataOf(pair.server(), DataType::kRead);
  ASSERT_EQ(read.size(), 2U);
  for (const CapturedData* data : read) {
    EXPECT_EQ(data->event.tuple, Mirror(pair.client_tuple()));
    EXPECT_EQ(data->event.provenance, Provenance::kMatched);
    EXPECT_EQ(data->event.fd, pair.server_fd());
  }
}

TEST_P(MemoryBioBpfTest, FindsItForCallsOfManyRecords) {
  Start();
  TlsPair pair(TlsPair::Binding::kMemory);
  ASSERT_EQ(pair.Send(std::string(50'000, 'x')).size(), 50'000U);
  Collect();
  ASSERT_EQ(sockets_.size(), 1U);
  EXPECT_EQ(sockets_[0].tuple, pair.client_tuple());
  for (const CapturedData* data : DataOf(pair.server(), DataType::kRead))
    EXPECT_EQ(data->event.tuple, Mirror(pair.client_tuple()));
}

TEST_P(MemoryBioBpfTest, SaysNothingWhereTwoConnectionsFit) {
  Start();
  TlsPair one(TlsPair::Binding::kMemory);
  TlsPair two(TlsPair::Binding::kMemory);
  // The calls and the sends of each round come in another order.
  for (int round = 0; round < 3; ++round) {
    Write(one.client(), "12345678");
    Write(two.client(), "abcdefgh");
    one.FlushClient();
    two.FlushClient();
    two.FillServer();
    EXPECT_EQ(ReadAtServer(one), "12345678");
    EXPECT_EQ(ReadAtServer(two), "abcdefgh");
  }
  Collect();
  EXPECT_TRUE(sockets_.empty());
  EXPECT_EQ(data_.size(), 12U);
  for (TlsPair* const pair : {&one, &two}) {
    for (const CapturedData* data : DataOf(pair->client(), DataType::kWrite))
      EXPECT_FALSE(data->event.socket.known());
  }
}

TEST_P(MemoryBioBpfTest, TellsConnectionsApartByTheLengthOfWhatTheySay) {
  Start();
  TlsPair one(TlsPair::Binding::kMemory);
  TlsPair two(TlsPair::Binding::kMemory);
  Write(one.client(), std::string(100, '1'));
  Write(two.client(), std::string(1000, '2'));
  two.FlushClient();
  one.FlushClient();
  Collect();
  ASSERT_EQ(sockets_.size(), 2U);
  EXPECT_EQ(sockets_[0].tuple, two.client_tuple());
  EXPECT_EQ(sockets_[1].tuple, one.client_tuple());
}

TEST_P(MemoryBioBpfTest, DoesNotTakeAnotherThreadsSocket) {
  Start();
  TlsPair pair(TlsPair::Binding::kMemory);
  TlsPair other(TlsPair::Binding::kMemory);
  Write(pair.client(), "12345678");
  std::thread([&] { pair.FlushClient(); }).join();
  std::thread([&] {
    Write(other.client(), "abcdefgh");
    other.FlushClient();
  }).join();
  Collect();
  ASSERT_EQ(sockets_.size(), 1U);
  EXPECT_EQ(sockets_[0].tuple, other.client_tuple());
}

TEST_P(MemoryBioBpfTest, LeavesAConnectionUnknownThatReadsLessThanARecord) {
  Start();
  TlsPair pair(TlsPair::Binding::kMemory);
  Write(pair.client(), std::string(1000, 'x'));
  pair.FlushClient();
  EXPECT_EQ(ReadAtServer(pair, 100).size(), 100U);
  Collect();
  EXPECT_FALSE(DataOf(pair.server(), DataType::kRead)[0]->event.socket.known());
}

TEST_P(MemoryBioBpfTest, FindsTheSocketOfConnectionsOlderThanItself) {
  TlsPair pair(TlsPair::Binding::kMemory);
  pair.Send("before");
  Start();
  pair.Send("after");
  pair.Send("later");
  Collect();
  const auto written = DataOf(pair.client(), DataType::kWrite);
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[1]->event.tuple, pair.client_tuple());
}

}  // namespace
}  // namespace tlscope
