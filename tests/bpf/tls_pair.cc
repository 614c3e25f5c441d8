// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/tls_pair.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace tlscope {
namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address Loopback(TlsPair::Network network) {
  Address address;
  if (network == TlsPair::Network::kIpv4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
  }
  return address;
}

void ConnectSockets(TlsPair::Network network, int& client, int& server) {
  Address address = Loopback(network);
  const int family = address.storage.ss_family;
  const int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Require(bind(listener, address.get(), address.size) == 0, "bind");
  Require(listen(listener, 1) == 0, "listen");
  Require(getsockname(listener, address.get(), &address.size) == 0, "getsockname");
  client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Require(connect(client, address.get(), address.size) == 0, "connect");
  server = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  Require(server >= 0, "accept4");
  Require(fcntl(client, F_SETFL, O_NONBLOCK) == 0, "fcntl");
  close(listener);
}

void Bind(SSL* ssl, int fd, TlsPair::Binding binding) {
  if (binding == TlsPair::Binding::kSetFd) {
    Require(SSL_set_fd(ssl, fd) == 1, "SSL_set_fd");
    return;
  }
  if (binding == TlsPair::Binding::kMemory) {
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return;
  }
  BIO* const bio = BIO_new_socket(fd, BIO_NOCLOSE);
  SSL_set_bio(ssl, bio, bio);
}

bool HandshakeDone(SSL* ssl) {
  const int result = SSL_do_handshake(ssl);
  if (result != 1 && SSL_get_error(ssl, result) == SSL_ERROR_SSL) ERR_print_errors_fp(stderr);
  Require(result == 1 || SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ, "SSL_do_handshake");
  return result == 1;
}

Endpoint EndpointOf(const Address& address) {
  Endpoint endpoint;
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address.storage, sizeof v4);
    std::memcpy(endpoint.address.data(), &v4.sin_addr, sizeof v4.sin_addr);
    endpoint.port = ntohs(v4.sin_port);
  } else {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address.storage, sizeof v6);
    std::memcpy(endpoint.address.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    endpoint.port = ntohs(v6.sin6_port);
  }
  return endpoint;
}

/// Of what the client offers, the last.
int SelectProtocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_length,
                   const unsigned char* in, unsigned int in_length, void* /*argument*/) {
  for (unsigned int at = 0; at < in_length; at += 1U + in[at]) {
    *out = in + at + 1;
    *out_length = in[at];
  }
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

SslContextPtr TestServerContext() {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  Require(X509_sign(certificate, key, EVP_sha256()) > 0, "X509_sign");
  Require(SSL_CTX_use_certificate(context.get(), certificate) == 1, "SSL_CTX_use_certificate");
  Require(SSL_CTX_use_PrivateKey(context.get(), key) == 1, "SSL_CTX_use_PrivateKey");
  SSL_CTX_set_alpn_select_cb(context.get(), &SelectProtocol, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

TlsPair::TlsPair(Binding binding, Network network)
    : binding_(binding),
      server_context_(TestServerContext()),
      client_context_(SSL_CTX_new(TLS_client_method())) {
  ConnectSockets(network, client_fd_, server_fd_);
  client_.reset(SSL_new(client_context_.get()));
  constexpr unsigned char kOffers[] = "\x02h2\x08http/1.1";
  Require(SSL_set_alpn_protos(client_.get(), kOffers, sizeof kOffers - 1) == 0,
          "SSL_set_alpn_protos");
  Require(SSL_set_tlsext_host_name(client_.get(), kServerName) == 1, "SSL_set_tlsext_host_name");
  server_.reset(SSL_new(server_context_.get()));
  Bind(client_.get(), client_fd_, binding);
  Bind(server_.get(), server_fd_, binding);
  SSL_set_connect_state(client_.get());
  SSL_set_accept_state(server_.get());
  bool done = false;
  while (!done) {
    const bool client_done = HandshakeDone(client_.get());
    FlushClient();
    FillServer();
    done = HandshakeDone(server_.get()) && client_done;
    FlushServer();
    FillClient();
  }
}

TlsPair::~TlsPair() {
  FreeClient();
  FreeServer();
  CloseClientSocket();
  close(server_fd_);
}

void TlsPair::CloseClientSocket() {
  if (client_fd_ >= 0) close(client_fd_);
  client_fd_ = -1;
}

void TlsPair::Flush(SSL* ssl, int fd) const {
  if (binding_ != Binding::kMemory) return;
  char* records = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(SSL_get_wbio(ssl), &records));
  const ssize_t sent = send(fd, records, size, MSG_NOSIGNAL);
  Require(sent == static_cast<ssize_t>(size) || size == 0, "send");
  Require(BIO_reset(SSL_get_wbio(ssl)) == 1, "BIO_reset");
}

void TlsPair::Fill(SSL* ssl, int fd) const {
  if (binding_ != Binding::kMemory) return;
  std::vector<char> buffer(1U << 16);
  const ssize_t received = recv(fd, buffer.data(), buffer.size(), 0);
  if (received > 0) BIO_write(SSL_get_rbio(ssl), buffer.data(), static_cast<int>(received));
}

Tuple TlsPair::client_tuple() const {
  Address local;
  Address remote;
  Require(getsockname(client_fd_, local.get(), &local.size) == 0, "getsockname");
  Require(getpeername(client_fd_, remote.get(), &remote.size) == 0, "getpeername");
  Tuple tuple;
  tuple.family = local.storage.ss_family == AF_INET ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
  tuple.local = EndpointOf(local);
  tuple.remote = EndpointOf(remote);
  return tuple;
}

std::string TlsPair::Send(const std::string& bytes, std::size_t read_bytes) {
  std::string arrived;
  std::vector<char> buffer(read_bytes);
  bool sent = bytes.empty();
  while (!sent || arrived.size() < bytes.size()) {
    if (!sent) sent = SSL_write(client(), bytes.data(), static_cast<int>(bytes.size())) > 0;
    FlushClient();
    FillServer();
    int got = 0;
    while ((got = SSL_read(server(), buffer.data(), static_cast<int>(buffer.size()))) > 0)
      arrived.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return arrived;
}

}  // namespace tlscope
