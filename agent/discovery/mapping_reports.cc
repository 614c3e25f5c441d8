// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/mapping_reports.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace tlscope {
namespace {

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

}  // namespace

void MappingReports::CopyOut(std::uint64_t position, std::span<std::byte> out) const {
  const std::size_t start = position % data_.size();
  const std::size_t first = std::min(out.size(), data_.size() - start);
  std::memcpy(out.data(), data_.data() + start, first);
  std::memcpy(out.data() + first, data_.data(), out.size() - first);
}

Mapping MappingReports::ReadMapping(std::uint64_t position, std::size_t size) {
  record_.assign(size + 1, std::byte{0});  // a NUL behind the path, whatever was written
  CopyOut(position, std::span(record_).first(size));
  Mmap2 mapped;
  std::memcpy(&mapped, record_.data(), sizeof mapped);
  Mapping mapping;
  mapping.pid = mapped.pid;
  mapping.start = mapped.address;
  mapping.end = mapped.address + mapped.length;
  mapping.file = {mapped.major, mapped.minor, mapped.inode};
  mapping.generation = mapped.inode_generation;
  mapping.path = reinterpret_cast<const char*>(record_.data() + sizeof mapped);
  return mapping;
}

bool MappingReports::Drain(const std::function<void(const Mapping&)>& on_mapping) {
  // data_head is written by the kernel with a barrier, data_tail by us (linux/perf_event.h).
  const std::uint64_t head = std::atomic_ref(control_.data_head).load(std::memory_order_acquire);
  std::uint64_t tail = control_.data_tail;
  bool complete = true;
  while (tail < head) {
    perf_event_header header;
    CopyOut(tail, std::as_writable_bytes(std::span(&header, 1)));
    if (header.size < sizeof header) break;
    if (header.type == PERF_RECORD_LOST) complete = false;
    if (header.type == PERF_RECORD_MMAP2 && header.size > sizeof(Mmap2))
      on_mapping(ReadMapping(tail, header.size));
    tail += header.size;
  }
  std::atomic_ref(control_.data_tail).store(tail, std::memory_order_release);
  return complete;
}

}  // namespace tlscope
