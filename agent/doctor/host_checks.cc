// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/host_checks.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>

#include "agent/discovery/mapping_watcher.h"
#include "agent/procfs/pid_namespace.h"
#include "agent/procfs/process_maps.h"
#include "agent/this_process/privileges.h"
#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

std::string FirstLine(const char* path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

void Add(DoctorReport& report, const char* id, bool required, const Result<void>& result,
         std::string good) {
  report.checks.push_back(
      {id, result.has_value(), required, result ? std::move(good) : result.error().Describe()});
}

void CheckLockdown(DoctorReport& report) {
  const std::string modes = FirstLine("/sys/kernel/security/lockdown");
  const std::size_t open = modes.find('[');
  const std::size_t close = modes.find(']');
  const bool known = open < close && close != std::string::npos;
  const std::string mode = known ? modes.substr(open + 1, close - open - 1) : "unknown";
  // kernel_lockdown(7): confidentiality forbids BPF programs to read memory.
  DoctorCheck check{"lockdown", mode != "confidentiality", true, "kernel lockdown: " + mode};
  if (!check.passed) check.detail += " forbids BPF programs to read memory; boot without it";
  report.checks.push_back(std::move(check));
}

void CheckMapFiles(DoctorReport& report) {
  bool opened = false;
  ForEachMapping(static_cast<std::uint32_t>(getpid()), [&](const Mapping& mapping) {
    Mapping deleted = mapping;  // so that only the link leads there
    deleted.deleted = true;
    const UniqueFd file(OpenMappedFile(deleted));
    opened = opened || static_cast<bool>(file);
  });
  report.checks.push_back(
      {"deleted_files", opened, false,
       opened ? "libraries deleted since they were mapped can be opened"
              : "libraries deleted since they were mapped cannot be opened without "
                "CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN"});
}

void AddStrategies(const ProbeSession& probes, DoctorReport& report) {
  DoctorStrategy payload{"payload", "bpf_loop", {"bpf_loop"}};
  if (!probes.captures_any_size()) payload.tried.emplace_back(payload.used = "unrolled loop");
  report.strategies.push_back(std::move(payload));

  DoctorStrategy sockets{"sockets", "SSL_set_fd", {}};
  for (const StrategyInfo& info : AllStrategies()) {
    sockets.tried.emplace_back(info.name);
    if (probes.strategy() == nullptr || probes.strategy()->strategy != info.strategy) continue;
    sockets.used = info.name;
    break;
  }
  if (probes.strategy() == nullptr) sockets.tried.push_back(sockets.used);
  report.strategies.push_back(std::move(sockets));
  report.strategies.push_back({"discovery", "PERF_RECORD_MMAP2", {"PERF_RECORD_MMAP2"}});
}

}  // namespace

std::unique_ptr<ProbeSession> CheckHost(const std::string& btf_path, DoctorReport& report) {
  utsname kernel{};
  uname(&kernel);
  report.kernel = std::string(kernel.release) + ' ' + kernel.machine;

  const auto privileges = CheckPrivileges();
  Add(report, "privileges", true, privileges, "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE are there");
  const auto types = CheckKernelTypes(btf_path);
  Add(report, "kernel_types", true, types,
      "the kernel's types are in " + (btf_path.empty() ? "/sys/kernel/btf/vmlinux" : btf_path));
  CheckLockdown(report);
  CheckMapFiles(report);
  if (!privileges || !types) return nullptr;

  const auto watcher = MappingWatcher::Open();
  Add(report, "new_mappings", true,
      watcher ? Result<void>{} : Result<void>(tl::make_unexpected(watcher.error())),
      "newly mapped libraries are reported (perf events)");

  ProbeOptions options;
  options.btf_path = btf_path;
  options.filters.pid_namespace = OwnPidNamespace();
  auto probes = ProbeSession::Open(options);
  Add(report, "bpf_programs", true,
      probes ? Result<void>{} : Result<void>(tl::make_unexpected(probes.error())),
      "the BPF programs load");
  if (!probes) return nullptr;
  for (const std::string& shortcoming : (*probes)->shortcomings())
    report.checks.push_back({"kernel_feature", false, false, shortcoming});
  AddStrategies(**probes, report);
  return std::move(*probes);
}

}  // namespace tlscope
