// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

#include "processor/base/result.h"

namespace tlscope {

/// The process at the other end of a Unix domain socket, as it was when it connected.
struct Peer {
  uid_t uid;
  gid_t gid;
  pid_t pid;
  std::vector<gid_t> groups = {};  ///< supplementary ones
};

/// By SO_PEERCRED and SO_PEERGROUPS (unix(7), since Linux 4.13).
Result<Peer> PeerOf(int socket_fd);

}  // namespace tlscope
