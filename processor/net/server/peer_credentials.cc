// SPDX-License-Identifier: Apache-2.0
#include "processor/net/server/peer_credentials.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <utility>

namespace tlscope {
namespace {

// NGROUPS_MAX of Linux (credentials(7)): nobody is in more.
constexpr std::size_t kMaxGroups = 65536;

Result<std::vector<gid_t>> GroupsOf(int socket_fd) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
      groups.resize(bytes / sizeof(gid_t));
      return groups;
    }
    const int error = errno;
    const std::size_t wanted = bytes / sizeof(gid_t);
    if (error != ERANGE || wanted <= groups.size() || wanted > kMaxGroups)
      return Fail(Errc::kSystem, error, "read the groups of a client");
    groups.resize(wanted);
  }
}

}  // namespace

Result<Peer> PeerOf(int socket_fd) {
  ucred credentials{};
  socklen_t bytes = sizeof credentials;
  if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0)
    return Fail(Errc::kSystem, errno, "read the user of a client");
  TLSCOPE_TRY(std::vector<gid_t> groups, GroupsOf(socket_fd));
  return Peer{credentials.uid, credentials.gid, credentials.pid, std::move(groups)};
}

}  // namespace tlscope
