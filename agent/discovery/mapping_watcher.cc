// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/mapping_watcher.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>

namespace tlscope {
namespace {

constexpr std::size_t kDataPages = 64;  // 256 KiB: some 2,000 mappings between two polls

std::size_t PageBytes() {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return page;
}

std::size_t MapBytes() { return (1 + kDataPages) * PageBytes(); }

// PERF_RECORD_MMAP2 up to its filename (perf_event_open(2)).
struct Mmap2 {
  perf_event_header header;
  std::uint32_t pid, tid;
  std::uint64_t address, length, page_offset;
  std::uint32_t major, minor;
  std::uint64_t inode, inode_generation;
  std::uint32_t protection, flags;
};
static_assert(sizeof(Mmap2) == 72);

void CopyOut(const std::byte* data, std::size_t data_bytes, std::uint64_t position,
             std::span<std::byte> out) {
  const std::size_t start = position % data_bytes;
  const std::size_t first = std::min(out.size(), data_bytes - start);
  std::memcpy(out.data(), data + start, first);
  std::memcpy(out.data() + first, data, out.size() - first);
}

}  // namespace

Result<std::unique_ptr<MappingWatcher>> MappingWatcher::Open() {
  std::unique_ptr<MappingWatcher> watcher(new MappingWatcher());
  const long cpus = sysconf(_SC_NPROCESSORS_CONF);
  for (int cpu = 0; cpu < cpus; ++cpu) {
    if (auto result = watcher->OpenCpu(cpu); !result) return tl::make_unexpected(result.error());
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
  for (const Cpu& cpu : cpus_) complete = Drain(cpu, on_mapping) && complete;
  return complete;
}

bool MappingWatcher::Drain(const Cpu& cpu, const std::function<void(const Mapping&)>& on_mapping) {
  auto& control = *reinterpret_cast<perf_event_mmap_page*>(cpu.pages);
  const std::byte* const data = cpu.pages + PageBytes();
  const std::size_t data_bytes = kDataPages * PageBytes();
  // data_head is written by the kernel with a barrier, data_tail by us (linux/perf_event.h).
  const std::uint64_t head = std::atomic_ref(control.data_head).load(std::memory_order_acquire);
  std::uint64_t tail = control.data_tail;
  bool complete = true;
  while (tail < head) {
    perf_event_header header;
    CopyOut(data, data_bytes, tail, std::as_writable_bytes(std::span(&header, 1)));
    if (header.size < sizeof header) break;
    if (header.type == PERF_RECORD_LOST) complete = false;
    if (header.type == PERF_RECORD_MMAP2 && header.size > sizeof(Mmap2)) {
      record_.assign(header.size + std::size_t{1}, std::byte{0});
      CopyOut(data, data_bytes, tail, std::span(record_).first(header.size));
      Mmap2 mapped;
      std::memcpy(&mapped, record_.data(), sizeof mapped);
      Mapping mapping;
      mapping.pid = mapped.pid;
      mapping.start = mapped.address;
      mapping.end = mapped.address + mapped.length;
      mapping.file = {mapped.major, mapped.minor, mapped.inode};
      mapping.generation = mapped.inode_generation;
      mapping.path = reinterpret_cast<const char*>(record_.data() + sizeof mapped);
      on_mapping(mapping);
    }
    tail += header.size;
  }
  std::atomic_ref(control.data_tail).store(tail, std::memory_order_release);
  return complete;
}

}  // namespace tlscope
