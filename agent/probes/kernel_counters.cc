// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/kernel_counters.h"

#include <bpf/libbpf.h>
#include <tlscope.skel.h>

#include <cstddef>
#include <vector>

namespace tlscope {
namespace {

std::uint64_t EntriesOf(const bpf_map* map) {
  std::vector<std::byte> key(bpf_map__key_size(map));
  std::uint64_t entries = 0;
  const void* previous = nullptr;
  while (bpf_map__get_next_key(map, previous, key.data(), key.size()) == 0) {
    previous = key.data();
    ++entries;
  }
  return entries;
}

/// Of the entries that were made, those that neither came to their end nor are there.
std::uint64_t EvictedFrom(const bpf_map* map, const tlscope_counter_row& made,
                          const tlscope_counter_row& ended) {
  const std::uint64_t accounted = ended.events + EntriesOf(map);
  return made.events > accounted ? made.events - accounted : 0;
}

}  // namespace

Result<KernelCounters> ReadKernelCounters(const tlscope_bpf& skeleton) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 1) return Fail(Errc::kSystem, -cpus, "count the CPUs");
  std::vector<tlscope_counter_row> rows(static_cast<std::size_t>(cpus));
  KernelCounters sums{};
  for (std::uint32_t key = 0; key < TLSCOPE_COUNTERS; ++key) {
    const int result = bpf_map__lookup_elem(skeleton.maps.counters, &key, sizeof key, rows.data(),
                                            rows.size() * sizeof rows[0], 0);
    if (result != 0) return Fail(Errc::kSystem, -result, "read the kernel's counters");
    for (const tlscope_counter_row& row : rows) {
      sums[key].events += row.events;
      sums[key].bytes += row.bytes;
    }
  }
  return sums;
}

Evictions CountKernelEvictions(const tlscope_bpf& skeleton, const KernelCounters& counters) {
  const auto& maps = skeleton.maps;
  Evictions evictions;
  evictions.ssl_objects = EvictedFrom(maps.streams, counters[TLSCOPE_COUNT_STREAMS_MADE],
                                      counters[TLSCOPE_COUNT_STREAMS_ENDED]);
  evictions.threads = EvictedFrom(maps.threads, counters[TLSCOPE_COUNT_THREADS_MADE],
                                  counters[TLSCOPE_COUNT_THREADS_ENDED]);
  evictions.ledgers = EvictedFrom(maps.ledgers, counters[TLSCOPE_COUNT_LEDGERS_MADE],
                                  counters[TLSCOPE_COUNT_LEDGERS_ENDED]);
  return evictions;
}

}  // namespace tlscope
