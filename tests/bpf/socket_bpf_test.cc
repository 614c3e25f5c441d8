// SPDX-License-Identifier: Apache-2.0
// How the programs find the socket of an SSL object, and when they say that it is over.
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/bpf/capture_fixture.h"
#include "tests/bpf/tls_pair.h"

namespace tlscope {
namespace {

using SocketBpfTest = CaptureFixture;
INSTANTIATE_TEST_SUITE_P(Library, SocketBpfTest,
                         ::testing::Values(Attachment{"PublicAttach", AttachMode::kPublic}),
                         AttachmentName);
INSTANTIATE_TEST_SUITE_P(Kernel, SocketBpfTest, AttachStrategies(), AttachmentName);

Tuple Mirror(Tuple tuple) {
  std::swap(tuple.local, tuple.remote);
  return tuple;
}

TEST_P(SocketBpfTest, FindsBothEndsOfASocketGivenByDescriptor) {
  Start();
  TlsPair pair(TlsPair::Binding::kSetFd);
  pair.Send("x");
  Collect();
  const auto client = DataOf(pair.client(), DataType::kWrite);
  const auto server = DataOf(pair.server(), DataType::kRead);
  ASSERT_EQ(client.size(), 1U);
  ASSERT_EQ(server.size(), 1U);
  EXPECT_EQ(client[0]->event.tuple, pair.client_tuple());
  EXPECT_EQ(server[0]->event.tuple, Mirror(pair.client_tuple()));
  EXPECT_EQ(client[0]->event.fd, pair.client_fd());
  EXPECT_EQ(server[0]->event.fd, pair.server_fd());
}

TEST_P(SocketBpfTest, FindsTheSocketAndItsDescriptorFromTheNestedCallAlone) {
  Start();
  TlsPair pair(TlsPair::Binding::kBio, TlsPair::Network::kIpv6);
  pair.Send("x");
  Collect();
  const auto client = DataOf(pair.client(), DataType::kWrite);
  ASSERT_EQ(client.size(), 1U);
  EXPECT_EQ(client[0]->event.tuple, pair.client_tuple());
  EXPECT_EQ(client[0]->event.tuple.family, AddressFamily::kIpv6);
  EXPECT_EQ(client[0]->event.provenance, Provenance::kNested);
  EXPECT_EQ(client[0]->event.fd, pair.client_fd());
}

TEST_P(SocketBpfTest, KnowsThePeerOfReadsServedFromTheLibrarysBuffer) {
  Start();
  TlsPair pair(TlsPair::Binding::kBio);
  ASSERT_EQ(pair.Send(std::string(16384, 'x'), 1024).size(), 16384U);
  Collect();
  const auto reads = DataOf(pair.server(), DataType::kRead);
  ASSERT_EQ(reads.size(), 16U);
  for (const CapturedData* read : reads) EXPECT_EQ(read->event.tuple, Mirror(pair.client_tuple()));
  EXPECT_EQ(reads.front()->event.provenance, Provenance::kNested);
  EXPECT_EQ(reads[1]->event.provenance, Provenance::kCached);
}

TEST_P(SocketBpfTest, NeverMixesTheConnectionsOfOneThread) {
  Start();
  std::vector<std::unique_ptr<TlsPair>> pairs;
  pairs.reserve(8);
  for (int i = 0; i < 8; ++i) pairs.push_back(std::make_unique<TlsPair>(TlsPair::Binding::kBio));
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i]->Send(std::string(1, char('a' + i)));
  }
  Collect();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(BytesOf(pairs[i]->client(), DataType::kWrite), std::string(3, char('a' + i)));
    for (const CapturedData* data : DataOf(pairs[i]->client(), DataType::kWrite))
      EXPECT_EQ(data->event.tuple, pairs[i]->client_tuple());
  }
}

TEST_P(SocketBpfTest, SaysASocketIsClosedAfterItsLastData) {
  Start();
  {
    TlsPair pair;
    pair.Send("one");
    pair.Send("two");
  }
  Collect();
  ASSERT_EQ(connections_.size(), 4U) << order_;
  EXPECT_GT(order_.find('c'), order_.rfind('d')) << order_;
  for (const ConnDataEvent& connection : connections_)
    EXPECT_EQ(connection.origin.pid, static_cast<std::uint32_t>(getpid()));
  const auto opened = std::count(order_.begin(), order_.end(), 'o');
  EXPECT_EQ(opened, 2);
}

TEST_P(SocketBpfTest, EndsAStreamWithTheLastReferenceOnly) {
  Start();
  TlsPair pair;
  SSL* const client = pair.client();
  pair.Send("12345");
  ASSERT_EQ(SSL_up_ref(client), 1);
  SSL_free(client);
  Collect();
  EXPECT_TRUE(ends_.empty());
  pair.Send("678");
  pair.FreeClient();
  Collect();
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].bytes[static_cast<int>(DataType::kWrite)], 8U);
  EXPECT_EQ(DataOf(client, DataType::kWrite).back()->event.stream_offset, 5U);
}

TEST_P(SocketBpfTest, GivesAnSslObjectAtAReusedAddressANewGeneration) {
  Start();
  std::vector<std::uint64_t> generations;
  for (int i = 0; i < 2; ++i) {
    TlsPair pair;
    pair.Send("x");
    Collect();
    const auto data = DataOf(pair.client(), DataType::kWrite);
    generations.push_back(data.back()->event.ssl.generation);
    EXPECT_EQ(data.back()->event.stream_offset, 0U);
  }
  EXPECT_NE(generations[0], generations[1]);
}

TEST_P(SocketBpfTest, SeesConnectionsOlderThanItself) {
  TlsPair pair(TlsPair::Binding::kBio);
  pair.Send("before");
  Start(OwnProcess());
  pair.Send("after");
  Collect();
  EXPECT_EQ(BytesOf(pair.client(), DataType::kWrite), "after");
  EXPECT_EQ(DataOf(pair.client(), DataType::kWrite)[0]->event.tuple, pair.client_tuple());
}

}  // namespace
}  // namespace tlscope
