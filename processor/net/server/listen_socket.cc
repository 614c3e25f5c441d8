// SPDX-License-Identifier: Apache-2.0
#include "processor/net/server/listen_socket.h"

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "processor/net/server/listen_address.h"

namespace tlscope {
namespace {

std::uint16_t PortOf(int fd, int family) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return 0;
  in_port_t port = 0;
  if (family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof ipv4);
    port = ipv4.sin_port;
  } else {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof ipv6);
    port = ipv6.sin6_port;
  }
  return ntohs(port);
}

}  // namespace

Result<ListenTarget> ListenTarget::Parse(const std::string& url) {
  const auto rest_of = [&url](std::string_view scheme) { return url.substr(scheme.size()); };
  if (url.starts_with("unix://")) {
    ListenTarget target{Kind::kUnix, rest_of("unix://"), url};
    if (!target.place.starts_with('/') || target.place.ends_with('/')) {
      return Fail(Errc::kUsage, 0, "listen on '" + url + "'",
                  "name the whole path of a socket, as unix:///run/tlscope/collect.sock");
    }
    if (target.place.size() > kMaxSocketPathBytes || target.place.find('\0') != std::string::npos) {
      return Fail(Errc::kUsage, 0, "listen on '" + url + "'",
                  "shorten its path to " + std::to_string(kMaxSocketPathBytes) + " bytes");
    }
    return target;
  }
  const bool tls = url.starts_with("tls://");
  if (tls || url.starts_with("tcp://")) {
    ListenTarget target{tls ? Kind::kTls : Kind::kTcp, rest_of("tcp://"), url};
    TLSCOPE_TRY(ParseListenAddress(target.place));
    return target;
  }
  return Fail(Errc::kUsage, 0, "listen on '" + url + "'",
              "give unix:///PATH, tcp://ADDRESS:PORT or tls://ADDRESS:PORT");
}

Result<ListenSocket> ListenSocket::Open(const ListenTarget& target) {
  return target.kind == ListenTarget::Kind::kUnix ? OpenUnix(target) : OpenTcp(target);
}

Result<ListenSocket> ListenSocket::OpenUnix(const ListenTarget& target) {
  ListenSocket socket;
  TLSCOPE_TRY(auto listener, UnixListener::Open({.path = target.place}));
  socket.unix_.emplace(std::move(listener));
  socket.family_ = AF_UNIX;
  socket.url_ = target.url;
  return socket;
}

Result<ListenSocket> ListenSocket::OpenTcp(const ListenTarget& target) {
  TLSCOPE_TRY(const auto endpoint, ParseListenAddress(target.place));
  const int family = endpoint.address().is_v4() ? AF_INET : AF_INET6;
  UniqueFd made(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return Fail(Errc::kSystem, errno, "make a socket");
  // Or a program that was killed could not come back while its connections are in TIME_WAIT.
  const int on = 1;
  if (setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(made.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      listen(made.get(), SOMAXCONN) != 0) {
    return tl::make_unexpected(
        ListenError(target.place, {errno, boost::system::system_category()}));
  }
  ListenSocket socket;
  socket.fd_ = std::move(made);
  socket.family_ = family;
  socket.port_ = PortOf(socket.fd(), family);
  socket.url_ = target.url.substr(0, target.url.rfind(':') + 1) + std::to_string(socket.port_);
  return socket;
}

}  // namespace tlscope
