// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "processor/sinks/stream/stream_sink.h"
#include "tests/unit/await.h"
#include "tests/unit/processor/net/test_certificates.h"
#include "tests/unit/processor/sinks/stream/stream_peer.h"
#include "tests/unit/processor/sinks/stream/stream_sink_fixture.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;

/// A server for the name server.example and the address 127.0.0.1.
class TlsServer {
 public:
  explicit TlsServer(int max_version = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    SSL_CTX_use_certificate(context_.get(), certificate_.x509());
    SSL_CTX_use_PrivateKey(context_.get(), certificate_.key());
  }

  void DemandClientCertificate() {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), ca_.x509());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }

  const TestCertificate& ca() const { return ca_; }
  StreamPeer Accept() { return listener_.Accept(SSL_new(context_.get())); }

  StreamSinkOptions OptionsFor(Told& told, bool framed = true) const {
    StreamAddress address = listener_.address();
    address.kind = StreamAddress::Kind::kTls;
    StreamSinkOptions options = TestOptions(address, framed);
    options.tls.ca_file = ca_.CertificateFile();
    if (!framed) options.welcome_patience = milliseconds{1};
    told.Install(options);
    return options;
  }

 private:
  Listener listener_;
  TestCertificate ca_{"test CA", "", nullptr};
  TestCertificate certificate_{"server", "DNS:server.example,IP:127.0.0.1", &ca_};
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

/// Refuses the sink until it has said why.
std::string WhyItFails(TlsServer& server, StreamSinkOptions options, const Told& told) {
  options.drain_deadline = milliseconds{1};
  // Nothing may be lost to a server that has not taken this client yet.
  options.welcome_patience = std::chrono::hours{1};
  auto sink = OpenSink(std::move(options));
  EXPECT_TRUE(sink->Push("kept"));
  AwaitFor("a failure", [&] {
    if (told.failures() > 0) return true;
    StreamPeer peer = server.Accept();
    EXPECT_TRUE(!peer.shaken() || peer.AtEnd());
    return false;
  });
  EXPECT_EQ(sink->stats().written_blocks, 0U);
  return told.failure(0);
}

TEST(StreamSinkTlsTest, SendsOverEachVersion) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SCOPED_TRACE(version);
    TlsServer server(version);
    Told told;
    auto sink = OpenSink(server.OptionsFor(told));
    StreamPeer peer = server.Accept();
    EXPECT_TRUE(peer.shaken());
    EXPECT_EQ(peer.ReadHello(), 1U);
    EXPECT_TRUE(peer.Welcome(0));
    std::uint64_t sequence = 0;
    for (const std::size_t bytes : {1U, 20'000U, 3'000'000U})
      EXPECT_TRUE(sink->Push(EventBlock(++sequence, std::string(bytes, 'x'))));
    for (const std::size_t bytes : {1U, 20'000U, 3'000'000U})
      EXPECT_EQ(peer.ReadEntry()->event_payload().payload().size(), bytes);
    EXPECT_TRUE(peer.Acknowledge(sequence));
    auto closed = std::async(std::launch::async, [&] { sink->Close(); });
    EXPECT_TRUE(peer.AtEnd());
    peer.Reset();
    closed.get();
    EXPECT_EQ(sink->stats().acknowledged_blocks, 3U);
    EXPECT_EQ(told.failures(), 0U);
    ExpectBalanced(sink->stats());
  }
}

TEST(StreamSinkTlsTest, SendsPlainBytes) {
  TlsServer server;
  Told told;
  auto sink = OpenSink(server.OptionsFor(told, false));
  EXPECT_TRUE(sink->Push("line\n"));
  StreamPeer peer = server.Accept();
  EXPECT_EQ(peer.Read(5), "line\n");
}

TEST(StreamSinkTlsTest, VerifiesTheNameThatItIsGiven) {
  TlsServer server;
  Told told;
  StreamSinkOptions options = server.OptionsFor(told);
  options.tls.server_name = "server.example";
  auto sink = OpenSink(std::move(options));
  EXPECT_EQ(server.Accept().ReadHello(), 1U);
}

TEST(StreamSinkTlsTest, RefusesAServerOfAnotherName) {
  TlsServer server;
  // The last is the address of a link, with the number of the interface.
  for (const char* name : {"other.example", "127.0.0.2", "::1", "fe80::1%1"}) {
    SCOPED_TRACE(name);
    Told told;
    StreamSinkOptions options = server.OptionsFor(told);
    options.tls.server_name = name;
    const std::string why = WhyItFails(server, std::move(options), told);
    EXPECT_NE(why.find("--tls-server-name"), std::string::npos) << why;
  }
}

TEST(StreamSinkTlsTest, RefusesAServerThatAnotherCaHasSigned) {
  TlsServer server;
  const TlsServer other;
  Told told;
  StreamSinkOptions options = server.OptionsFor(told);
  options.tls.ca_file = other.ca().CertificateFile();
  const std::string why = WhyItFails(server, std::move(options), told);
  EXPECT_NE(why.find("--tls-ca"), std::string::npos) << why;
}

TEST(StreamSinkTlsTest, TakesAnyServerWhenTold) {
  TlsServer server;
  Told told;
  StreamSinkOptions options = server.OptionsFor(told);
  options.tls = {.server_name = "other.example", .verify = false};
  auto sink = OpenSink(std::move(options));
  EXPECT_EQ(server.Accept().ReadHello(), 1U);
}

TEST(StreamSinkTlsTest, SaysThatTheServerWantsACertificate) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const bool framed : {false, true}) {
      SCOPED_TRACE(version);
      TlsServer server(version);
      server.DemandClientCertificate();
      Told told;
      const std::string why = WhyItFails(server, server.OptionsFor(told, framed), told);
      EXPECT_NE(why.find("--tls-cert"), std::string::npos) << why;
    }
  }
}

TEST(StreamSinkTlsTest, ShowsItsCertificate) {
  TlsServer server;
  server.DemandClientCertificate();
  const TestCertificate client("client", "", &server.ca());
  Told told;
  StreamSinkOptions options = server.OptionsFor(told);
  options.tls.certificate_file = client.CertificateFile();
  options.tls.key_file = client.KeyFile();
  auto sink = OpenSink(std::move(options));
  EXPECT_EQ(server.Accept().ReadHello(), 1U);
}

TEST(StreamSinkTlsTest, SaysThatAPeerSpeaksNoTls) {
  const Listener listener;
  StreamAddress address = listener.address();
  address.kind = StreamAddress::Kind::kTls;
  Told told;
  StreamSinkOptions options = TestOptions(address, true);
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  StreamPeer peer = listener.Accept();
  EXPECT_TRUE(peer.Write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  AwaitFor("a failure", [&] { return told.failures() == 1; });
  EXPECT_NE(told.failure(0).find("tcp://"), std::string::npos) << told.failure(0);
}

TEST(StreamSinkTlsTest, RefusesFilesThatAreNoneOfTheKind) {
  const std::string garbage =
      testing::TempDir() + "tlscope_no_certificate_" + std::to_string(getpid());
  std::ofstream(garbage) << "no certificate\n";
  const TestCertificate ca("test CA", "", nullptr);
  const TestCertificate other("another CA", "", nullptr);
  const std::string missing = testing::TempDir() + "tlscope_no_such_file.pem";
  const std::string certificate = ca.CertificateFile();
  for (const TlsOptions& tls :
       {TlsOptions{.ca_file = missing}, TlsOptions{.ca_file = garbage},
        TlsOptions{.certificate_file = missing}, TlsOptions{.certificate_file = garbage},
        TlsOptions{.certificate_file = certificate},
        TlsOptions{.certificate_file = certificate, .key_file = garbage},
        TlsOptions{.certificate_file = certificate, .key_file = other.KeyFile()},
        TlsOptions{.key_file = ca.KeyFile()}}) {
    StreamSinkOptions options;
    options.address = {.kind = StreamAddress::Kind::kTls, .host = "localhost", .port = 1};
    options.tls = tls;
    const auto sink = StreamSink::Open(std::move(options));
    ASSERT_FALSE(sink) << tls.ca_file << tls.certificate_file << tls.key_file;
    EXPECT_NE(sink.error().code, Errc::kSystem) << sink.error().Describe();
  }
}

}  // namespace
}  // namespace tlscope
