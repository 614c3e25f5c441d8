// SPDX-License-Identifier: Apache-2.0
// What handshakes tell, through every hook that shows socket calls.
#include <openssl/ssl.h>

#include <cstdint>
#include <string>

#include "processor/connections/handshake_reader.h"
#include "tests/bpf/capture_fixture.h"
#include "tests/bpf/tls_pair.h"

namespace tlscope {
namespace {

class HandshakeBpfTest : public CaptureFixture {
 protected:
  using Kind = SSLHandshakeEvent::Kind;

  /// What the SSL object says it agreed to.
  static std::string ProtocolOf(const SSL* ssl) {
    const unsigned char* name = nullptr;
    unsigned int length = 0;
    SSL_get0_alpn_selected(ssl, &name, &length);
    return {reinterpret_cast<const char*>(name), length};
  }

  /// The parts of a kind that went in a direction.
  std::vector<const CapturedHandshake*> Parts(Kind kind, DataType direction) const {
    std::vector<const CapturedHandshake*> found;
    for (const CapturedHandshake& handshake : handshakes_) {
      if (handshake.event.kind == kind && handshake.event.direction == direction)
        found.push_back(&handshake);
    }
    return found;
  }

  static HandshakePart Read(const CapturedHandshake& captured) {
    SSLHandshakeEvent event = captured.event;
    event.data = captured.bytes;
    return ReadHandshake(event);
  }

  /// Both hellos, as each end sent or received them, on the right socket.
  void ExpectHellos(TlsPair& pair, TlsPair::Binding binding) {
    const Tuple client = pair.client_tuple();
    for (const DataType direction : {DataType::kRead, DataType::kWrite}) {
      const bool by_client = direction == DataType::kWrite;
      const auto hellos = Parts(Kind::kClientHello, direction);
      const auto answers = Parts(Kind::kServerHello, direction);
      ASSERT_EQ(hellos.size(), 1U);
      ASSERT_EQ(answers.size(), 1U);
      const HandshakePart hello = Read(*hellos[0]);
      EXPECT_EQ(hello.told.server_name, TlsPair::kServerName);
      EXPECT_EQ(hello.offers, (std::vector<std::string_view>{"h2", "http/1.1"}));
      EXPECT_EQ(Read(*answers[0]).told.version, SSL_version(pair.client()));
      EXPECT_EQ(hellos[0]->event.tuple.local, by_client ? client.local : client.remote);
      EXPECT_EQ(answers[0]->event.tuple.local, by_client ? client.remote : client.local);
      const SSL* const end = by_client ? pair.client() : pair.server();
      // By a descriptor the object is certain; else the socket alone is known.
      const bool certain = binding == TlsPair::Binding::kSetFd;
      EXPECT_EQ(hellos[0]->event.ssl.address, certain ? reinterpret_cast<std::uint64_t>(end) : 0);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Kernel, HandshakeBpfTest, AttachStrategies(), AttachmentName);

TEST_P(HandshakeBpfTest, IsToldOfBothEndsHoweverTheyReachTheirSockets) {
  for (const auto binding :
       {TlsPair::Binding::kSetFd, TlsPair::Binding::kBio, TlsPair::Binding::kMemory}) {
    SCOPED_TRACE(static_cast<int>(binding));
    Start();
    TlsPair pair(binding);
    Collect();
    ExpectHellos(pair, binding);
  }
}

TEST_P(HandshakeBpfTest, IsToldOnceOfEachConnection) {
  Start();
  TlsPair first;
  ASSERT_EQ(first.Send("data"), "data");
  TlsPair second;
  ASSERT_EQ(ProtocolOf(second.client()), "http/1.1");
  ASSERT_EQ(ProtocolOf(second.client()), "http/1.1");
  Collect();
  EXPECT_EQ(Parts(Kind::kClientHello, DataType::kWrite).size(), 2U);
  EXPECT_EQ(Parts(Kind::kServerHello, DataType::kRead).size(), 2U);
  const auto agreed = Parts(Kind::kProtocol, DataType::kRead);
  ASSERT_EQ(agreed.size(), 1U);
  EXPECT_EQ(agreed[0]->bytes, "http/1.1");
  EXPECT_EQ(agreed[0]->event.ssl.address, reinterpret_cast<std::uint64_t>(second.client()));
  EXPECT_EQ(agreed[0]->event.tuple, second.client_tuple());
}

}  // namespace
}  // namespace tlscope
