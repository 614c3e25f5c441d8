/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was seen and what was lost, by cause. Userspace sums the CPUs. */
#ifndef TLSCOPE_BASE_COUNTERS_BPF_H
#define TLSCOPE_BASE_COUNTERS_BPF_H

#include "bpf/base/kernel_types.bpf.h"
#include "bpf/tlscope_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TLSCOPE_COUNTERS);
	__type(key, __u32);
	__type(value, struct tlscope_counter_row);
} counters SEC(".maps");

/* Atomic, although per CPU: a uprobe program can be preempted by another on the same CPU. */
static __always_inline void count(__u32 counter, __u64 bytes)
{
	struct tlscope_counter_row *row = bpf_map_lookup_elem(&counters, &counter);

	if (!row)
		return;
	__sync_fetch_and_add(&row->events, 1);
	/* Adding a constant 0 would be compiled to an atomic or, which kernels before 5.12 lack. */
	if (bytes)
		__sync_fetch_and_add(&row->bytes, bytes);
}

#endif /* TLSCOPE_BASE_COUNTERS_BPF_H */
