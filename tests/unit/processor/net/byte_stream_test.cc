// SPDX-License-Identifier: Apache-2.0
#include "processor/net/byte_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "processor/net/server/tls_context.h"
#include "processor/net/tls_client.h"
#include "processor/net/tls_stream.h"
#include "tests/unit/await.h"
#include "tests/unit/processor/net/test_certificates.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Two streams that are connected with each other.
class ByteStreamTest : public ::testing::Test {
 protected:
  void ConnectPlain() {
    auto [client, server] = MakeSockets();
    client_ = MakePlainStream(std::move(client));
    server_ = MakePlainStream(std::move(server));
  }

  /// The client expects a server of the name `expected`.
  void ConnectTls(const std::string& expected = "collector.example") {
    const TestCertificate authority("test CA", "", nullptr);
    const TestCertificate certificate("collector", "DNS:collector.example", &authority);
    auto context = MakeServerContext(
        {.certificate = certificate.CertificateFile(), .key = certificate.KeyFile()});
    ASSERT_TRUE(context) << context.error().Describe();
    context_.emplace(std::move(*context));
    auto tls = TlsClient::Open({.ca_file = authority.CertificateFile()}, expected);
    ASSERT_TRUE(tls) << tls.error().Describe();
    tls_ = std::move(*tls);
    auto [client, server] = MakeSockets();
    client_ = tls_->Make(std::move(client));
    server_ = std::make_shared<TlsStream>(std::move(server), *context_, TlsRole::kServer);
  }

  /// What came of the client's handshake.
  error_code ShakeHands() {
    std::optional<error_code> client;
    std::optional<error_code> server;
    client_->AsyncHandshake([&](const error_code& error) { client = error; });
    server_->AsyncHandshake([&](const error_code& error) {
      server = error;
      if (error) server_->Close();
    });
    RunUntil("both handshakes", [&] { return client && server; });
    return *client;
  }

  /// What is read, or why nothing.
  std::pair<std::string, error_code> Read(ByteStream& stream) {
    std::array<char, 100> room{};
    std::optional<std::pair<std::string, error_code>> result;
    stream.AsyncRead(asio::buffer(room), [&](const error_code& error, std::size_t bytes) {
      result.emplace(std::string(room.data(), bytes), error);
    });
    RunUntil("a read", [&] { return result.has_value(); });
    return *result;
  }

  void Write(ByteStream& stream, std::string_view first, std::string_view second) {
    bool done = false;
    stream.AsyncWrite(
        {asio::buffer(first.data(), first.size()), asio::buffer(second.data(), second.size())},
        [&](const error_code& error, std::size_t bytes) {
          EXPECT_FALSE(error) << error.message();
          EXPECT_GT(bytes, 0U);
          done = true;
        });
    RunUntil("a write", [&] { return done; });
  }

  template <class Condition>
  void RunUntil(const std::string& what, const Condition& condition) {
    AwaitFor(what, [&] {
      io_.restart();
      io_.poll();
      return condition();
    });
  }

  asio::io_context io_;
  std::optional<asio::ssl::context> context_;
  std::unique_ptr<TlsClient> tls_;
  std::shared_ptr<ByteStream> client_;
  std::shared_ptr<ByteStream> server_;

 private:
  std::pair<ByteStream::Socket, ByteStream::Socket> MakeSockets() {
    std::array<int, 2> made{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, made.data()), 0);
    const asio::generic::stream_protocol protocol(AF_UNIX, 0);
    return {ByteStream::Socket(io_, protocol, made[0]), ByteStream::Socket(io_, protocol, made[1])};
  }
};

TEST_F(ByteStreamTest, PlainCarriesBytesBothWays) {
  ConnectPlain();
  EXPECT_FALSE(ShakeHands());
  Write(*client_, "ab", "cd");
  EXPECT_EQ(Read(*server_).first, "abcd");
  Write(*server_, "ef", "");
  EXPECT_EQ(Read(*client_).first, "ef");
  EXPECT_FALSE(client_->PeerMayStillRefuse());
}

TEST_F(ByteStreamTest, TlsCarriesBytesBothWays) {
  ConnectTls();
  EXPECT_FALSE(ShakeHands());
  Write(*client_, "hello", "");
  EXPECT_EQ(Read(*server_).first, "hello");
  Write(*server_, "welcome", "");
  EXPECT_EQ(Read(*client_).first, "welcome");
}

TEST_F(ByteStreamTest, ServerMayStillRefuseATlsClientAndNotTheOtherWayRound) {
  ConnectTls();
  ASSERT_FALSE(ShakeHands());
  EXPECT_TRUE(client_->PeerMayStillRefuse());
  EXPECT_FALSE(server_->PeerMayStillRefuse());
}

TEST_F(ByteStreamTest, TlsClientRefusesAServerOfAnotherNameAndSaysWhatToDo) {
  ConnectTls("other.example");
  const error_code error = ShakeHands();
  ASSERT_TRUE(error);
  const std::string text = client_->Explain("connect", error).Describe();
  EXPECT_NE(text.find("the server's certificate does not verify"), std::string::npos) << text;
  EXPECT_NE(text.find("--tls-server-name"), std::string::npos) << text;
}

TEST_F(ByteStreamTest, EndsWritingAndGoesOnReading) {
  ConnectPlain();
  ASSERT_FALSE(ShakeHands());
  server_->EndWriting();
  EXPECT_EQ(Read(*client_).second, asio::error::eof);
  Write(*client_, "late", "");
  EXPECT_EQ(Read(*server_).first, "late");
}

TEST_F(ByteStreamTest, TlsEndsWritingAndGoesOnReading) {
  ConnectTls();
  ASSERT_FALSE(ShakeHands());
  server_->EndWriting();
  const error_code error = Read(*client_).second;
  EXPECT_EQ(error, asio::ssl::error::stream_truncated);
  EXPECT_EQ(client_->Explain("stay connected", error).what,
            "stay connected: the peer has closed the connection");
  Write(*client_, "late", "");
  EXPECT_EQ(Read(*server_).first, "late");
}

TEST_F(ByteStreamTest, TlsShutdownIsOverWhenBothHaveSaidSo) {
  ConnectTls();
  ASSERT_FALSE(ShakeHands());
  std::optional<error_code> done;
  client_->AsyncShutdown([&](const error_code& error) { done = error; });
  EXPECT_EQ(Read(*server_).second, asio::error::eof);
  EXPECT_FALSE(done);
  server_->AsyncShutdown([](const error_code& /*error*/) {});
  RunUntil("the client's shutdown", [&] { return done.has_value(); });
}

TEST_F(ByteStreamTest, CloseEndsWhatIsUnderWay) {
  ConnectPlain();
  ASSERT_FALSE(ShakeHands());
  std::array<char, 10> room{};
  std::optional<error_code> read;
  client_->AsyncRead(asio::buffer(room),
                     [&](const error_code& error, std::size_t) { read = error; });
  client_->Close();
  RunUntil("the read's end", [&] { return read.has_value(); });
  EXPECT_TRUE(*read);
}

}  // namespace
}  // namespace tlscope
