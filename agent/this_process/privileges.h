// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "processor/base/result.h"

namespace tlscope {

/// Whether this process may load and attach the programs: CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE
/// (capabilities(7)), or CAP_SYS_ADMIN, which stood for the first two before 5.8. kPrivilege names
/// those that are missing.
Result<void> CheckPrivileges();

/// Whether the kernel describes its types, in itself or in the file `btf_path`. kUnsupported if
/// not.
Result<void> CheckKernelTypes(const std::string& btf_path);

/// Lets this process have as many open files as it may: each library takes some dozens, each agent
/// of a collector one.
void RaiseDescriptorLimit();

}  // namespace tlscope
