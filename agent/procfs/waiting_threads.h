// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tlscope {

/// A thread that is in a system call which moves bytes through a descriptor.
struct WaitingThread {
  std::uint32_t tid = 0;
  std::int32_t fd = -1;
  bool operator==(const WaitingThread&) const = default;
};

/// Those of a process; none of one that has ended, or that may not be looked into.
std::vector<WaitingThread> WaitingThreadsOf(std::uint32_t pid);

/// The descriptor in the text of /proc/PID/task/TID/syscall (proc(5)) of a thread that is in read,
/// write or one of their kind.
std::optional<std::int32_t> WaitedOnIn(std::string_view syscall);

}  // namespace tlscope
