// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/mapping_watcher.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
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
  Cpu opened{UniqueFd(fd)};
  void* pages = mmap(nullptr, MapBytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (pages == MAP_FAILED) return Fail(Errc::kSystem, errno, "map the perf event buffer");
  opened.pages = static_cast<std::byte*>(pages);
  opened.reports =
      std::make_unique<MappingReports>(*static_cast<perf_event_mmap_page*>(pages),
                                       std::span(opened.pages, MapBytes()).subspan(PageBytes()));
  cpus_.push_back(std::move(opened));
  return {};
}

MappingWatcher::~MappingWatcher() {
  for (const Cpu& cpu : cpus_) munmap(cpu.pages, MapBytes());
}

std::vector<int> MappingWatcher::fds() const {
  std::vector<int> fds;
  for (const Cpu& cpu : cpus_) fds.push_back(cpu.fd.get());
  return fds;
}

bool MappingWatcher::Poll(const std::function<void(const Mapping&)>& on_mapping) {
  bool complete = true;
  for (const Cpu& cpu : cpus_) complete = cpu.reports->Drain(on_mapping) && complete;
  return complete;
}

}  // namespace tlscope
