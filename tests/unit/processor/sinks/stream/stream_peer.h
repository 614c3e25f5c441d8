// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "processor/base/unique_fd.h"
#include "processor/net/stream_address.h"
#include "processor/wire/delimited.h"
#include "tests/unit/await.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {

/// What waits on the socket gives up at the deadline of AwaitFor.
inline void SetReadDeadline(int socket) {
  const timeval deadline{kAwaitDeadline.count(), 0};
  EXPECT_EQ(setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline), 0);
}

/// The far end of one connection. It blocks, and speaks TLS when it is given an SSL object.
class StreamPeer {
 public:
  StreamPeer(UniqueFd socket, SSL* ssl) : socket_(std::move(socket)), ssl_(ssl, SSL_free) {
    if (socket_) SetReadDeadline(socket_.get());
    if (!ssl_) return;
    // OpenSSL writes to a connection that the other end may have closed.
    std::signal(SIGPIPE, SIG_IGN);
    SSL_set_fd(ssl_.get(), socket_.get());
    shaken_ = SSL_accept(ssl_.get()) == 1;
  }

  bool shaken() const { return shaken_; }

  /// Fewer than `bytes` bytes when the end comes.
  std::string Read(std::size_t bytes) {
    std::string text(bytes, '\0');
    std::size_t got = 0;
    while (got < bytes) {
      const ssize_t n = ReadSome(text.data() + got, bytes - got);
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    text.resize(got);
    return text;
  }

  bool AtEnd() { return Read(1).empty(); }

  /// None at the end of the connection, or for what is no LogEntry.
  std::optional<v1::LogEntry> ReadEntry() {
    for (;;) {
      std::string_view bytes;
      const auto status = input_.Next(bytes);
      v1::LogEntry entry;
      if (status == DelimitedReader::Status::kMessage && ParseMessage(bytes, entry)) return entry;
      if (status != DelimitedReader::Status::kNeedMore) return std::nullopt;
      const std::span<char> room = input_.Prepare(65536);
      const ssize_t n = ReadSome(room.data(), room.size());
      if (n <= 0) return std::nullopt;
      input_.Commit(static_cast<std::size_t>(n));
    }
  }

  /// The same without heartbeats.
  std::optional<v1::LogEntry> ReadEvent() {
    for (;;) {
      auto entry = ReadEntry();
      if (!entry || entry->log_type() != v1::LOG_TYPE_HEARTBEAT) return entry;
    }
  }

  /// The Hello's next_sequence; 0 when something else came.
  std::uint64_t ReadHello() {
    const auto entry = ReadEntry();
    return entry && entry->has_hello() ? entry->hello().next_sequence() : 0;
  }

  bool Write(const std::string& bytes) {
    if (ssl_) return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
    return send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  bool Say(const v1::CollectorMessage& message) {
    std::string bytes;
    AppendDelimited(message, bytes);
    return Write(bytes);
  }
  bool Welcome(std::uint64_t stored_sequence) {
    v1::CollectorMessage message;
    message.mutable_welcome()->set_stored_sequence(stored_sequence);
    return Say(message);
  }
  bool Acknowledge(std::uint64_t stored_sequence) {
    v1::CollectorMessage message;
    message.mutable_acknowledged()->set_stored_sequence(stored_sequence);
    return Say(message);
  }

  /// As a process does that is killed.
  void Reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_ = UniqueFd();
  }

 private:
  ssize_t ReadSome(char* room, std::size_t bytes) {
    errno = 0;
    const ssize_t n = ssl_ ? SSL_read(ssl_.get(), room, static_cast<int>(bytes))
                           : recv(socket_.get(), room, bytes, 0);
    if (n < 0 && errno == EAGAIN) ADD_FAILURE() << "waited in vain for bytes or the end";
    return n;
  }

  UniqueFd socket_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool shaken_ = true;
  DelimitedReader input_{std::size_t{64} << 20};
};

/// Listens on loopback TCP at a port of its own, or on a Unix domain socket.
class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), bytes), 0);
    EXPECT_EQ(listen(socket_.get(), 16), 0);
    SetReadDeadline(socket_.get());
    EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &bytes), 0);
    address_.host = "127.0.0.1";
    address_.port = ntohs(address.sin_port);
  }
  explicit Listener(const std::string& path)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(socket_.get(), 16), 0);
    SetReadDeadline(socket_.get());
    address_.kind = StreamAddress::Kind::kUnix;
    address_.path = path;
  }

  /// Where to connect to it.
  StreamAddress address() const { return address_; }

  /// Waits for a connection. `ssl` is made its server end, and is taken.
  StreamPeer Accept(SSL* ssl = nullptr) const {
    UniqueFd socket(accept(socket_.get(), nullptr, nullptr));
    if (!socket && errno == EAGAIN) ADD_FAILURE() << "waited in vain for a connection";
    return {std::move(socket), ssl};
  }

  /// An Accept that waits fails.
  void Stop() const { shutdown(socket_.get(), SHUT_RDWR); }

 private:
  UniqueFd socket_;
  StreamAddress address_;
};

}  // namespace tlscope
