// SPDX-License-Identifier: Apache-2.0
#include "agent/this_process/privileges.h"

#include <cap-ng.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace tlscope {

Result<void> CheckPrivileges() {
  if (capng_get_caps_process() != 0)
    return Fail(Errc::kSystem, errno, "read this process's capabilities");
  const auto has = [](unsigned capability) {
    return capng_have_capability(CAPNG_EFFECTIVE, capability) == 1;
  };
  std::string missing;
  const auto need = [&](bool present, const char* name) {
    if (present) return;
    if (!missing.empty()) missing += ", ";
    missing += name;
  };
  const bool admin = has(CAP_SYS_ADMIN);
  need(admin || has(CAP_BPF), "CAP_BPF");
  need(admin || has(CAP_PERFMON), "CAP_PERFMON");
  need(has(CAP_SYS_PTRACE), "CAP_SYS_PTRACE");
  if (missing.empty()) return {};
  return Fail(Errc::kPrivilege, 0, "watch other processes without " + missing,
              "run it as root: sudo tlscope capture");
}

Result<void> CheckKernelTypes(const std::string& btf_path) {
  constexpr const char* kKernelBtf = "/sys/kernel/btf/vmlinux";
  const std::string path = btf_path.empty() ? kKernelBtf : btf_path;
  if (access(path.c_str(), R_OK) == 0) return {};
  const int error = errno;
  return Fail(Errc::kUnsupported, error, "read the kernel's types from " + path,
              "use a kernel built with CONFIG_DEBUG_INFO_BTF (5.8 or newer), or name a file with "
              "them: --btf FILE");
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace tlscope
