// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tlscope {

/// Who is at the other end of a socket, for people: an address without its port, or the user of a
/// Unix domain socket.
std::string PeerName(int fd);

}  // namespace tlscope
