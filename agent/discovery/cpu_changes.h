// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "processor/base/unique_fd.h"

namespace tlscope {

/// Reads one of the kernel's messages on devices: the CPU that went offline or came online by it,
/// as in "online@/devices/system/cpu/cpu1"; nullopt when it is of another kind.
std::optional<int> CpuOf(std::string_view message);

/// Tells which CPUs go offline and come back (netlink(7), NETLINK_KOBJECT_UEVENT). Where the kernel
/// does not tell this process, as in some containers, nothing is told. One thread.
class CpuChanges {
 public:
  CpuChanges();

  /// Readable when there is something to Take; -1 when there never will be.
  int fd() const { return socket_.get(); }

  /// The CPUs that went or came since the last call; nullopt when messages were lost, so that it
  /// may be any.
  std::optional<std::vector<int>> Take();

 private:
  UniqueFd socket_;
};

}  // namespace tlscope
