// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "processor/base/result.h"

namespace tlscope {

/// The inode number of the PID namespace that this process is in (pid_namespaces(7)); 0 for the
/// first one, whose numbers are the kernel's own.
std::uint32_t OwnPidNamespace();

/// Whether /proc shows processes by the numbers that they have in this process's PID namespace.
/// kUsage when it was mounted in another.
Result<void> CheckProcIsOwn();

/// How many numbers the line NSpid in the text of /proc/PID/status has (proc(5)): one for each PID
/// namespace from that of the mounted /proc down to the process's own. 0 when it has no such line.
int NumbersIn(std::string_view status);

}  // namespace tlscope
