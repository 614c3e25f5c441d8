// SPDX-License-Identifier: Apache-2.0
// The parts of OpenSSL's API that are not a plain read or write.
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "tests/bpf/capture_fixture.h"
#include "tests/bpf/stub_library.h"
#include "tests/bpf/tls_pair.h"

namespace tlscope {
namespace {

using ApiBpfTest = CaptureFixture;
INSTANTIATE_TEST_SUITE_P(Library, ApiBpfTest, AttachModes(), AttachmentName);

/// Has one end call `function` until it succeeds, while the other does what it must.
template <class Function, class Other>
void Until(Function function, Other other) {
  while (!function()) other();
}

bool Step(SSL* ssl) { return SSL_do_handshake(ssl) == 1; }

/// Two ends joined by a BIO pair: no socket anywhere.
struct BioPair {
  explicit BioPair(SSL_SESSION* session = nullptr)
      : server_context(TestServerContext()), client_context(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_early_data(server_context.get(), 16384);
    client.reset(SSL_new(client_context.get()));
    server.reset(SSL_new(server_context.get()));
    Join();
    if (session != nullptr) SSL_set_session(client.get(), session);
  }
  void Join() const {
    BIO* at_client = nullptr;
    BIO* at_server = nullptr;
    ASSERT_EQ(BIO_new_bio_pair(&at_client, 65536, &at_server, 65536), 1);
    SSL_set_bio(client.get(), at_client, at_client);
    SSL_set_bio(server.get(), at_server, at_server);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
  }
  void Handshake() const {
    bool done = false;
    while (!done) {
      const bool client_done = Step(client.get());
      done = Step(server.get()) && client_done;
    }
  }
  std::string Send(const std::string& bytes) const {
    EXPECT_EQ(SSL_write(client.get(), bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
    std::string buffer(16384, '\0');
    const int got = SSL_read(server.get(), buffer.data(), static_cast<int>(buffer.size()));
    buffer.resize(static_cast<std::size_t>(std::max(got, 0)));
    return buffer;
  }

  SslContextPtr server_context;
  SslContextPtr client_context;
  SslPtr client;
  SslPtr server;
};

TEST_P(ApiBpfTest, CapturesBothEndsOfABioPairWithoutAnAddress) {
  Start();
  const BioPair pair;
  pair.Handshake();
  ASSERT_EQ(pair.Send("through memory"), "through memory");
  Collect();
  EXPECT_EQ(BytesOf(pair.client.get(), DataType::kWrite), "through memory");
  EXPECT_EQ(BytesOf(pair.server.get(), DataType::kRead), "through memory");
  for (const CapturedData& data : data_) EXPECT_FALSE(data.event.socket.known());
}

TEST_P(ApiBpfTest, BeginsAnewWithSslClear) {
  Start();
  const BioPair pair;
  pair.Handshake();
  ASSERT_EQ(pair.Send("first"), "first");
  ASSERT_EQ(SSL_clear(pair.client.get()), 1);
  ASSERT_EQ(SSL_clear(pair.server.get()), 1);
  pair.Join();
  pair.Handshake();
  ASSERT_EQ(pair.Send("second"), "second");
  Collect();
  const auto written = DataOf(pair.client.get(), DataType::kWrite);
  ASSERT_EQ(written.size(), 2U);
  EXPECT_NE(written[0]->event.ssl.generation, written[1]->event.ssl.generation);
  EXPECT_EQ(written[1]->event.stream_offset, 0U);
  ASSERT_EQ(ends_.size(), 2U);
  EXPECT_EQ(ends_[0].bytes[static_cast<int>(DataType::kWrite)], 5U);
  EXPECT_EQ(ends_[1].bytes[static_cast<int>(DataType::kRead)], 5U);
}

TEST_P(ApiBpfTest, BeginsAnewOnAThreadThatUsedNoTlsBefore) {
  Start();
  const BioPair pair;
  pair.Handshake();
  ASSERT_EQ(pair.Send("first"), "first");
  std::thread([&] { SSL_clear(pair.client.get()); }).join();
  Collect();
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].bytes[static_cast<int>(DataType::kWrite)], 5U);
}

TEST_P(ApiBpfTest, CapturesEarlyDataOnce) {
  BioPair first;
  first.Handshake();
  ASSERT_EQ(first.Send("x"), "x");
  char byte = 0;
  SSL_read(first.client.get(), &byte, 1);  // takes the session ticket
  SSL_SESSION* const session = SSL_get1_session(first.client.get());
  BioPair second(session);
  SSL_set_SSL_CTX(second.server.get(), first.server_context.get());
  second.server.reset(SSL_new(first.server_context.get()));
  second.Join();
  Start();

  std::size_t written = 0;
  ASSERT_EQ(SSL_write_early_data(second.client.get(), "early", 5, &written), 1);
  char buffer[16];
  std::size_t read = 0;
  ASSERT_EQ(SSL_read_early_data(second.server.get(), buffer, sizeof buffer, &read),
            SSL_READ_EARLY_DATA_SUCCESS);
  ASSERT_EQ(std::string(buffer, read), "early");
  bool client_done = false;
  int early = SSL_READ_EARLY_DATA_ERROR;
  while (early != SSL_READ_EARLY_DATA_FINISH) {
    client_done = Step(second.client.get()) || client_done;
    early = SSL_read_early_data(second.server.get(), buffer, sizeof buffer, &read);
  }
  second.Handshake();
  ASSERT_EQ(second.Send("late"), "late");
  Collect();
  EXPECT_EQ(BytesOf(second.client.get(), DataType::kWrite), "earlylate");
  EXPECT_EQ(BytesOf(second.server.get(), DataType::kRead), "earlylate");
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_NO_CALL].events, 0U);
  SSL_SESSION_free(session);
}

TEST_P(ApiBpfTest, CapturesTlsInsideTlsOnceEachAndOnOneSocket) {
  Start();
  TlsPair outer(TlsPair::Binding::kBio);
  const BioPair inner;
  const auto through = [](SSL* inside, SSL* outside) {
    BIO* const bio = BIO_new(BIO_f_ssl());
    BIO_set_ssl(bio, outside, BIO_NOCLOSE);
    SSL_set_bio(inside, bio, bio);
  };
  through(inner.client.get(), outer.client());
  through(inner.server.get(), outer.server());
  inner.Handshake();
  std::string buffer(64, '\0');
  ASSERT_EQ(SSL_write(inner.client.get(), "innermost", 9), 9);
  Until([&] { return SSL_read(inner.server.get(), buffer.data(), 64) == 9; }, [] {});
  Collect();
  EXPECT_EQ(BytesOf(inner.client.get(), DataType::kWrite), "innermost");
  EXPECT_EQ(BytesOf(inner.server.get(), DataType::kRead), "innermost");
  const auto written = DataOf(inner.client.get(), DataType::kWrite);
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0]->event.tuple, outer.client_tuple());
  EXPECT_EQ(BytesOf(outer.client(), DataType::kWrite).find("innermost"), std::string::npos);
}

TEST_P(ApiBpfTest, CountsWhatSslSendfileSendsAndLeavesItsPlace) {
  Start(OwnProcess());
  const StubLibrary stub;
  AttachTo(stub.path());
  std::uint64_t object = 0;
  ASSERT_EQ(stub.Write(&object, "head"), 4);
  ASSERT_EQ(stub.Sendfile(&object, 100'000), 100'000);
  ASSERT_EQ(stub.Write(&object, "next"), 4);
  Collect();
  const auto written = DataOf(reinterpret_cast<SSL*>(&object), DataType::kWrite);
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[1]->event.stream_offset, 100'004U);
  const auto counters = Counters();
  EXPECT_EQ(counters[TLSCOPE_COUNT_SENDFILE].events, 1U);
  EXPECT_EQ(counters[TLSCOPE_COUNT_SENDFILE].bytes, 100'000U);
  EXPECT_EQ(counters[TLSCOPE_COUNT_SEEN].bytes, 100'008U);
}

TEST_P(ApiBpfTest, FollowsCallsInsideOfCallsHoweverDeep) {
  constexpr int kInside = 20;
  Start(OwnProcess());
  const StubLibrary stub;
  AttachTo(stub.path());
  std::uint64_t object = 0;
  ASSERT_EQ(stub.Sendfile(&object, 100, kInside), 100);
  const auto counters = Counters();
  EXPECT_EQ(counters[TLSCOPE_COUNT_SENDFILE].events, std::uint64_t{kInside + 1});
  EXPECT_EQ(counters[TLSCOPE_COUNT_NO_CALL].events, 0U);
  EXPECT_EQ(counters[TLSCOPE_COUNT_CALLS_LEFT].events, 0U);
}

TEST_P(ApiBpfTest, ForgetsTheOldestObjectsBeyondItsTableAndCountsThem) {
  constexpr std::uint64_t kObjects = 70'000;
  constexpr std::uint64_t kTable = 65'536;
  Start(OwnProcess());
  const StubLibrary stub;
  AttachTo(stub.path());
  for (std::uint64_t object = 1; object <= kObjects; ++object) {
    ASSERT_EQ(stub.Write(reinterpret_cast<const void*>(object), "x"), 1);
    if (object % 1000 == 0) Collect();
  }
  EXPECT_EQ(data_.size(), kObjects) << "what they say is not forgotten";
  const Evictions evictions = probes().CountEvictions(Counters());
  EXPECT_GE(evictions.ssl_objects, kObjects - kTable);
  EXPECT_LT(evictions.ssl_objects, kObjects);
  EXPECT_EQ(evictions.threads, 0U);
}

TEST_P(ApiBpfTest, TakesTheEndThatSslShutdownSendsForNoData) {
  Start();
  TlsPair pair;
  ASSERT_EQ(pair.Send("data"), "data");
  ASSERT_EQ(SSL_shutdown(pair.client()), 0);
  char byte = 0;
  Until([&] { return SSL_read(pair.server(), &byte, 1) == 0; }, [] {});
  ASSERT_EQ(SSL_shutdown(pair.server()), 1);
  Until([&] { return SSL_shutdown(pair.client()) == 1; }, [] {});
  pair.FreeClient();
  Collect();
  EXPECT_EQ(BytesOf(pair.server(), DataType::kRead), "data");
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].bytes[static_cast<int>(DataType::kWrite)], 4U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_NO_CALL].events, 0U);
}

}  // namespace
}  // namespace tlscope
