// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "bpf/tlscope_abi.h"
#include "processor/base/result.h"

struct tlscope_bpf;

namespace tlscope {

/// The counters of the kernel side, summed over the CPUs; indexed by enum tlscope_counter.
using KernelCounters = std::array<tlscope_counter_row, TLSCOPE_COUNTERS>;

/// What was forgotten before its end because more lived at once than a table holds. Nothing that
/// moved is lost by it, but the object begins anew: its address may have to be found again.
struct Evictions {
  std::uint64_t ssl_objects = 0;  ///< also those of processes that ended without freeing them
  std::uint64_t threads = 0;
  std::uint64_t ledgers = 0;  ///< of threads that move TLS records themselves
};

/// Of loaded programs. Any thread.
Result<KernelCounters> ReadKernelCounters(const tlscope_bpf& skeleton);

/// Of the writes that sent something and have not come to their end, how many there are, and their
/// bytes at most. Walks the tables: exact once no program runs any longer.
tlscope_counter_row CountUnfinishedWrites(const tlscope_bpf& skeleton);

/// Walks the tables: exact once no program runs any longer.
Evictions CountKernelEvictions(const tlscope_bpf& skeleton, const KernelCounters& counters);

}  // namespace tlscope
