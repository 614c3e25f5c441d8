// SPDX-License-Identifier: Apache-2.0
#include "processor/net/server/peer_name.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "processor/net/server/peer_credentials.h"

namespace tlscope {

std::string PeerName(int fd) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return "somebody gone";
  if (address.ss_family == AF_UNIX) {
    const Result<Peer> peer = PeerOf(fd);
    return peer ? "user id " + std::to_string(peer->uid) : "somebody gone";
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, &address, sizeof ipv4);
    inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
  } else {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof ipv6);
    inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace tlscope
