// SPDX-License-Identifier: Apache-2.0
#include "processor/net/listen_socket.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "processor/net/listen_address.h"

namespace tlscope {
namespace {

// The path of a socket ends with a NUL inside sun_path (unix(7)).
constexpr std::size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> MakeSocket(int family) {
  UniqueFd made(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return Fail(Errc::kSystem, errno, "make a socket");
  return made;
}

/// Removes a socket that a collector left behind when it was killed.
Result<void> RemoveStale(const std::string& path) {
  struct stat is {};
  if (lstat(path.c_str(), &is) != 0) {
    if (errno == ENOENT) return {};
    return Fail(Errc::kSystem, errno, "look at " + path);
  }
  if (!S_ISSOCK(is.st_mode)) {
    return Fail(Errc::kUsage, 0, "listen on " + path + ": it is no socket",
                "name another path, or remove it");
  }
  Result<UniqueFd> probe = MakeSocket(AF_UNIX);
  if (!probe) return tl::make_unexpected(probe.error());
  const sockaddr_un address = AddressOf(path);
  const int connected =
      connect(probe->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (connected == 0 || errno != ECONNREFUSED) {
    return Fail(Errc::kSystem, EADDRINUSE, "listen on " + path,
                "end what listens there, or name another path");
  }
  if (unlink(path.c_str()) != 0) {
    return Fail(Errc::kSystem, errno, "remove the stale socket " + path);
  }
  return {};
}

std::string PortOf(int fd, int family) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return {};
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
  return std::to_string(ntohs(port));
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
    if (target.place.size() > kMaxPathBytes || target.place.find('\0') != std::string::npos) {
      return Fail(Errc::kUsage, 0, "listen on '" + url + "'",
                  "shorten its path to " + std::to_string(kMaxPathBytes) + " bytes");
    }
    return target;
  }
  const bool tls = url.starts_with("tls://");
  if (tls || url.starts_with("tcp://")) {
    ListenTarget target{tls ? Kind::kTls : Kind::kTcp, rest_of("tcp://"), url};
    if (auto parsed = ParseListenAddress(target.place); !parsed) {
      return tl::make_unexpected(parsed.error());
    }
    return target;
  }
  return Fail(Errc::kUsage, 0, "listen on '" + url + "'",
              "give unix:///PATH, tcp://ADDRESS:PORT or tls://ADDRESS:PORT");
}

Result<ListenSocket> ListenSocket::Open(const ListenTarget& target) {
  return target.kind == ListenTarget::Kind::kUnix ? OpenUnix(target) : OpenTcp(target);
}

Result<ListenSocket> ListenSocket::OpenUnix(const ListenTarget& target) {
  if (auto removed = RemoveStale(target.place); !removed) {
    return tl::make_unexpected(removed.error());
  }
  Result<UniqueFd> made = MakeSocket(AF_UNIX);
  if (!made) return tl::make_unexpected(made.error());
  // What the file is made with.
  if (fchmod(made->get(), 0600) != 0) {
    return Fail(Errc::kSystem, errno, "set the permissions of a socket");
  }
  const sockaddr_un address = AddressOf(target.place);
  struct stat is {};
  if (bind(made->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(made->get(), SOMAXCONN) != 0 || lstat(target.place.c_str(), &is) != 0) {
    const int error = errno;
    return Fail(error == EACCES ? Errc::kPrivilege : Errc::kSystem, error,
                "listen on " + target.place,
                error == ENOENT ? "make the folder it is in" : "name a folder you may write to");
  }
  ListenSocket socket;
  socket.fd_ = std::move(*made);
  socket.family_ = AF_UNIX;
  socket.url_ = target.url;
  socket.path_ = target.place;
  socket.device_ = is.st_dev;
  socket.inode_ = is.st_ino;
  return socket;
}

Result<ListenSocket> ListenSocket::OpenTcp(const ListenTarget& target) {
  const auto endpoint = ParseListenAddress(target.place);
  if (!endpoint) return tl::make_unexpected(endpoint.error());
  const int family = endpoint->address().is_v4() ? AF_INET : AF_INET6;
  Result<UniqueFd> made = MakeSocket(family);
  if (!made) return tl::make_unexpected(made.error());
  // Or a collector that was killed could not come back while its connections are in TIME_WAIT.
  const int on = 1;
  if (setsockopt(made->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(made->get(), endpoint->data(), static_cast<socklen_t>(endpoint->size())) != 0 ||
      listen(made->get(), SOMAXCONN) != 0) {
    return tl::make_unexpected(
        ListenError(target.place, {errno, boost::system::system_category()}));
  }
  ListenSocket socket;
  socket.fd_ = std::move(*made);
  socket.family_ = family;
  socket.url_ = target.url.substr(0, target.url.rfind(':') + 1) + PortOf(socket.fd(), family);
  return socket;
}

ListenSocket::~ListenSocket() {
  if (!fd_ || path_.empty()) return;
  struct stat is {};
  const bool ours = lstat(path_.c_str(), &is) == 0 && is.st_dev == device_ && is.st_ino == inode_;
  if (ours) unlink(path_.c_str());
}

}  // namespace tlscope
