// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/mapping_watcher.h"

#include <linux/perf_event.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>
#include <span>
#include <utility>

namespace tlscope {
namespace {

constexpr std::size_t kDataPages = 64;  // 256 KiB: some 2,000 mappings between two polls

std::size_t PageBytes() {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return page;
}

std::size_t MapBytes() { return (1 + kDataPages) * PageBytes(); }

}  // namespace

void MappingWatcher::Unmap::operator()(void* pages) const noexcept { munmap(pages, MapBytes()); }

Result<std::unique_ptr<MappingWatcher>> MappingWatcher::Open() {
  std::unique_ptr<MappingWatcher> watcher(new MappingWatcher());
  const long cpus = sysconf(_SC_NPROCESSORS_CONF);
  for (int cpu = 0; cpu < cpus; ++cpu) {
    TLSCOPE_TRY(watcher->OpenCpu(cpu));
  }
  return watcher;
}

Result<void> MappingWatcher::OpenCpu(int cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.mmap = 1;  // executable mappings; mmap_data would add the others
  attributes.mmap2 = 1;
  attributes.watermark = 1;
  attributes.wakeup_watermark = 1;  // the first byte wakes: a library is wanted at once
  const auto fd = static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
  if (fd < 0) {
    const int error = errno;
    if (error == ENODEV) return {};  // a CPU that is offline maps nothing
    return Fail(Errc::kPrivilege, error, "watch for new libraries with perf_event_open",
                "run it as root, or allow it: sysctl kernel.perf_event_paranoid=2");
  }
  Cpu opened{UniqueFd(fd), nullptr, nullptr};
  void* const pages = mmap(nullptr, MapBytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (pages == MAP_FAILED) return Fail(Errc::kSystem, errno, "map the perf event buffer");
  opened.pages.reset(pages);
  opened.reports = std::make_unique<MappingReports>(
      *static_cast<perf_event_mmap_page*>(pages),
      std::span(static_cast<const std::byte*>(pages), MapBytes()).subspan(PageBytes()));
  cpus_.insert_or_assign(cpu, std::move(opened));
  return {};
}

std::vector<int> MappingWatcher::fds() const {
  std::vector<int> fds;
  if (changes_.fd() >= 0) fds.push_back(changes_.fd());
  for (const auto& [number, cpu] : cpus_) fds.push_back(cpu.fd.get());
  return fds;
}

bool MappingWatcher::Poll(const std::function<void(const Mapping&)>& on_mapping) {
  bool complete = true;
  for (const auto& [number, cpu] : cpus_) complete = cpu.reports->Drain(on_mapping) && complete;
  CloseDead();
  return FollowChanges() && complete;
}

// On some kernels the event of a CPU that went offline is at its end (POLLHUP): it would wake for
// ever.
void MappingWatcher::CloseDead() {
  std::erase_if(cpus_, [](const auto& one) {
    pollfd event{one.second.fd.get(), 0, 0};
    return poll(&event, 1, 0) > 0;
  });
}

/// Makes anew the events of CPUs that went or came. Returns false when there are any, for what
/// processes have mapped on them meanwhile was not reported.
bool MappingWatcher::FollowChanges() {
  if (changes_.fd() < 0) return true;
  auto changed = changes_.Take();
  if (!changed) {
    changed.emplace(static_cast<std::size_t>(sysconf(_SC_NPROCESSORS_CONF)));
    std::iota(changed->begin(), changed->end(), 0);
  }
  for (const int cpu : *changed) {
    cpus_.erase(cpu);
    // Where it fails nothing is reported of that CPU, but looks at every process go on.
    if (const auto opened = OpenCpu(cpu); !opened)
      spdlog::warn("warning: {}", opened.error().Describe());
  }
  return changed->empty();
}

}  // namespace tlscope
