// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "processor/base/result.h"

namespace tlscope {

/// What `tlscope doctor` was asked to do.
struct DoctorOptions {
  std::vector<std::uint32_t> pids;  ///< only these processes; empty: all
  double seconds = 2;               ///< of trial capture; 0: none
  bool json = false;
  std::string btf_path;  ///< empty: the kernel's own
};

/// Writes to standard output what this host can do, process by process, and why a capture may stay
/// empty. Returns whether a capture would work.
Result<bool> RunDoctor(const DoctorOptions& options);

}  // namespace tlscope
