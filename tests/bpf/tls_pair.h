// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "processor/events/kernel_records.h"

namespace tlscope {

struct FreeSsl {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};
struct FreeSslContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeSslContext>;

/// With a certificate that nobody has signed but itself.
SslContextPtr TestServerContext();

/// A client and a server of this process, connected over loopback TCP with the handshake done. Both
/// sockets are non-blocking, so that one thread can drive both ends.
class TlsPair {
 public:
  /// How the SSL objects learn of their sockets; with kMemory they do not, and this class moves the
  /// records.
  enum class Binding { kSetFd, kBio, kMemory };
  enum class Network { kIpv4, kIpv6 };
  /// That the client asks for. It offers h2 and http/1.1, of which the server takes the latter.
  static constexpr const char* kServerName = "server.example";

  /// Aborts the test program when the machine cannot do it.
  explicit TlsPair(Binding binding = Binding::kSetFd, Network network = Network::kIpv4);
  ~TlsPair();
  TlsPair(const TlsPair&) = delete;
  TlsPair& operator=(const TlsPair&) = delete;

  SSL* client() { return client_.get(); }
  SSL* server() { return server_.get(); }
  int client_fd() const { return client_fd_; }
  int server_fd() const { return server_fd_; }
  /// What the kernel says of the client's socket; the server's is the mirror image.
  Tuple client_tuple() const;

  /// Sends all of `bytes` from the client to the server in one SSL_write call as far as the
  /// library sees it, reading at the server in pieces of `read_bytes`. Returns what arrived.
  std::string Send(const std::string& bytes, std::size_t read_bytes = 16384);

  /// With kMemory: what the SSL object wrote goes to its socket, or what came on the socket to it.
  void FlushClient() { Flush(client(), client_fd_); }
  void FlushServer() { Flush(server(), server_fd_); }
  void FillClient() { Fill(client(), client_fd_); }
  void FillServer() { Fill(server(), server_fd_); }

  void FreeClient() { client_.reset(); }
  void FreeServer() { server_.reset(); }
  /// Closes the client's socket; the SSL object stays.
  void CloseClientSocket();

 private:
  void Flush(SSL* ssl, int fd) const;
  void Fill(SSL* ssl, int fd) const;

  Binding binding_;
  SslContextPtr server_context_;
  SslContextPtr client_context_;
  SslPtr client_;
  SslPtr server_;
  int client_fd_ = -1;
  int server_fd_ = -1;
};

}  // namespace tlscope
