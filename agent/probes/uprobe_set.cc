// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/uprobe_set.h"

#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

namespace tlscope {
namespace {

/// The part of union bpf_attr that creates a link of uprobes (include/uapi/linux/bpf.h of 6.6).
struct UprobeMultiAttr {
  std::uint32_t prog_fd;
  std::uint32_t target_fd;
  std::uint32_t attach_type;
  std::uint32_t link_flags;
  std::uint64_t path;
  std::uint64_t offsets;
  std::uint64_t ref_ctr_offsets;
  std::uint64_t cookies;
  std::uint32_t count;
  std::uint32_t flags;
  std::uint32_t pid;
  std::uint32_t pad;
};

std::uint64_t AddressOf(const void* object) { return reinterpret_cast<std::uint64_t>(object); }

/// Empty and errno when the kernel does not take it; EINVAL also when it has no such links.
UniqueFd AttachMulti(const std::string& path, const UprobeSet::Probe& probe) {
  UprobeMultiAttr attr{};
  attr.prog_fd = static_cast<std::uint32_t>(bpf_program__fd(probe.program));
  attr.attach_type = UprobeSet::kAttachType;
  attr.path = AddressOf(path.c_str());
  attr.offsets = AddressOf(&probe.offset);
  const std::uint64_t cookie = probe.cookie;
  attr.cookies = AddressOf(&cookie);
  attr.count = 1;
  return UniqueFd(static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof attr)));
}

tl::unexpected<Error> WhyNot(int error, const UprobeSet::Probe& probe, const std::string& name) {
  const std::string attach = "attach " + std::string(probe.function) + " in " + name;
  if (error == EACCES || error == EPERM)
    return Fail(Errc::kPrivilege, error, attach,
                "run it as root or with CAP_SYS_ADMIN: this kernel takes no uprobe without it");
  return Fail(Errc::kSystem, error, attach,
              error == EINVAL ? "another tool may hold a probe there with a different reference "
                                "counter: stop it, or use --attach=public"
                              : "");
}

}  // namespace

void DestroyLink(bpf_link* link) { bpf_link__destroy(link); }

Result<UprobeSet> UprobeSet::Attach(const std::string& path, const std::string& name,
                                    std::span<const Probe> probes) {
  UprobeSet set;
  for (const CallEnd end : {CallEnd::kEntry, CallEnd::kExit}) {
    for (const Probe& probe : probes) {
      if (probe.end != end) continue;
      TLSCOPE_TRY(auto link, AttachOne(path, name, probe));
      (end == CallEnd::kExit ? set.exits_ : set.entries_).push_back(std::move(link));
    }
  }
  return set;
}

Result<UprobeSet::Link> UprobeSet::AttachOne(const std::string& path, const std::string& name,
                                             const Probe& probe) {
  if (UniqueFd fd = AttachMulti(path, probe)) return Link(std::move(fd));
  // Where there are such links perf does not take the program, and its answer would hide the
  // reason.
  if (const int error = errno; error != EINVAL) return WhyNot(error, probe, name);
  bpf_uprobe_opts options{};
  options.sz = sizeof options;
  options.bpf_cookie = probe.cookie;
  LinkPtr link(
      bpf_program__attach_uprobe_opts(probe.program, -1, path.c_str(), probe.offset, &options));
  if (!link) {
    const int error = errno;
    return WhyNot(error, probe, name);
  }
  return Link(std::move(link));
}

UprobeSet::~UprobeSet() {
  DetachTogether(exits_);
  DetachTogether(entries_);
}

void UprobeSet::DetachTogether(std::vector<Link>& links) {
  std::vector<std::jthread> threads;
  for (Link& link : links) {
    try {
      threads.emplace_back([detached = std::move(link)] {});
    } catch (const std::system_error&) {
      break;  // no more threads: the rest goes one by one
    }
  }
  links.clear();
}

}  // namespace tlscope
