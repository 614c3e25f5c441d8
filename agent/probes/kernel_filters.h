// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "processor/base/result.h"

struct tlscope_bpf;

namespace tlscope {

/// Whose calls the programs look at; an empty list wants everybody's. At most 1024 values of a
/// kind.
struct KernelFilters {
  std::vector<std::uint32_t> pids;  ///< and what they forked and will fork
  std::vector<std::uint32_t> uids;
  std::vector<std::string> comms;
  std::vector<std::uint64_t> cgroups;  ///< as CgroupId tells them; those below are watched, too
  std::vector<std::uint16_t> ports;    ///< of either end
  /// Whose calls are not looked at at all; 0: nobody's. An agent that writes to TLS by itself would
  /// otherwise capture what it writes, and write that, and so on.
  std::uint32_t excluded_pid = 0;
  /// The PID namespace of which all these numbers are, and those in the records will be, as
  /// OwnPidNamespace tells it; 0: the first one.
  std::uint32_t pid_namespace = 0;
};

/// Tells the programs which filters there are, before they are loaded.
void EnableFilters(tlscope_bpf& skeleton, const KernelFilters& filters);

/// Stores the values in the maps of the loaded programs.
Result<void> StoreFilters(const tlscope_bpf& skeleton, const KernelFilters& filters);

/// Stores what the pids have forked. Once forks are followed: what is forked before the look is
/// found by it, the rest is followed.
Result<void> StoreDescendants(const tlscope_bpf& skeleton, const KernelFilters& filters);

}  // namespace tlscope
