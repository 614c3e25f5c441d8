// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/kernel_counters.h"

#include <bpf/libbpf.h>
#include <tlscope.skel.h>

#include <cstddef>
#include <cstring>
#include <functional>
#include <vector>

namespace tlscope {
namespace {

void ForEachKey(const bpf_map* map, const std::function<void(const std::vector<std::byte>&)>& see) {
  std::vector<std::byte> key(bpf_map__key_size(map));
  const void* previous = nullptr;
  while (bpf_map__get_next_key(map, previous, key.data(), key.size()) == 0) {
    previous = key.data();
    see(key);
  }
}

std::uint64_t EntriesOf(const bpf_map* map) {
  std::uint64_t entries = 0;
  ForEachKey(map, [&](const auto&) { ++entries; });
  return entries;
}

/// What each entry's value begins with.
template <class State>
void ForEachState(const bpf_map* map, const std::function<void(const State&)>& see) {
  std::vector<std::byte> value(bpf_map__value_size(map));
  ForEachKey(map, [&](const std::vector<std::byte>& key) {
    if (bpf_map__lookup_elem(map, key.data(), key.size(), value.data(), value.size(), 0) != 0)
      return;
    State state;
    std::memcpy(&state, value.data(), sizeof state);
    see(state);
  });
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

tlscope_counter_row CountUnfinishedWrites(const tlscope_bpf& skeleton) {
  tlscope_counter_row unfinished{};
  const auto add = [&](std::uint64_t bytes) {
    if (bytes == 0) return;
    ++unfinished.events;
    unfinished.bytes += bytes;
  };
  ForEachState<tlscope_stream_state>(
      skeleton.maps.streams, [&](const tlscope_stream_state& stream) { add(stream.unfinished); });
  ForEachState<tlscope_call_state>(skeleton.maps.calls, [&](const tlscope_call_state& call) {
    if (call.running != 0 && call.sent != 0 && call.direction == TLSCOPE_WRITE) add(call.len);
  });
  return unfinished;
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
