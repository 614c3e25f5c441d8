// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/kernel_filters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <tlscope.skel.h>

#include <algorithm>
#include <array>
#include <span>

#include "agent/procfs/process_filters.h"
#include "bpf/tlscope_abi.h"

namespace tlscope {
namespace {

/// The keys of one map, `option` by option.
template <class Key>
Result<void> Store(const bpf_map* map, std::span<const Key> keys, const char* option) {
  constexpr std::uint8_t kPresent = 1;
  for (const Key& key : keys) {
    const int result =
        bpf_map__update_elem(map, &key, sizeof key, &kPresent, sizeof kPresent, BPF_ANY);
    if (result != 0)
      return Fail(Errc::kUsage, -result, std::string("store the ") + option + " filter",
                  "give at most 1024 values");
  }
  return {};
}

// As the kernel keeps a name: cut, and padded with NULs.
using Comm = std::array<char, TLSCOPE_COMM_LEN>;

std::vector<Comm> CommsOf(const std::vector<std::string>& names) {
  std::vector<Comm> comms;
  for (const std::string& name : names) {
    Comm& comm = comms.emplace_back();
    std::copy_n(name.begin(), std::min(name.size(), comm.size() - 1), comm.begin());
  }
  return comms;
}

Result<void> StorePids(const tlscope_bpf& skeleton, std::span<const std::uint32_t> pids) {
  return Store(skeleton.maps.wanted_pids, pids, "--pid");
}

}  // namespace

void EnableFilters(tlscope_bpf& skeleton, const KernelFilters& filters) {
  skeleton.rodata->filter_by_pid = !filters.pids.empty();
  skeleton.rodata->filter_by_uid = !filters.uids.empty();
  skeleton.rodata->filter_by_comm = !filters.comms.empty();
  skeleton.rodata->filter_by_cgroup = !filters.cgroups.empty();
  skeleton.rodata->filter_by_port = !filters.ports.empty();
  skeleton.rodata->excluded_tgid = filters.excluded_pid;
  skeleton.rodata->pid_namespace = filters.pid_namespace;
}

Result<void> StoreFilters(const tlscope_bpf& skeleton, const KernelFilters& filters) {
  const auto& maps = skeleton.maps;
  const std::vector<Comm> comms = CommsOf(filters.comms);
  TLSCOPE_TRY(StorePids(skeleton, filters.pids));
  TLSCOPE_TRY(Store(maps.wanted_uids, std::span(filters.uids), "--uid"));
  TLSCOPE_TRY(Store(maps.wanted_comms, std::span(comms), "--comm"));
  TLSCOPE_TRY(Store(maps.wanted_cgroups, std::span(filters.cgroups), "--cgroup"));
  return Store(maps.wanted_ports, std::span(filters.ports), "--port");
}

Result<void> StoreDescendants(const tlscope_bpf& skeleton, const KernelFilters& filters) {
  return StorePids(skeleton, DescendantsOf(filters.pids));
}

}  // namespace tlscope
