// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "processor/base/result.h"

namespace tlscope {

/// What the kernel calls the control group at `path`: a directory, or its path under the mount
/// point of cgroup v2 (`system.slice/nginx.service`). The id is the inode number of the directory
/// (bpf_get_current_ancestor_cgroup_id, bpf-helpers(7)). kUsage when it is none of version 2.
Result<std::uint64_t> CgroupId(const std::string& path);

/// The processes forked by `pids`, by what those forked, and so on, as far as they live now.
std::vector<std::uint32_t> DescendantsOf(const std::vector<std::uint32_t>& pids);

/// The parent in the text of /proc/PID/stat (proc(5)), whose second field may hold anything; 0 when
/// there is none.
std::uint32_t ParentIn(const std::string& stat);

}  // namespace tlscope
