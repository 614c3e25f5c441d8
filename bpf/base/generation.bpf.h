/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What tells apart the things that live at one address, one after the other. */
#ifndef TLSCOPE_BASE_GENERATION_BPF_H
#define TLSCOPE_BASE_GENERATION_BPF_H

#include "bpf/base/kernel_types.bpf.h"

static __u64 generations;

/*
 * A number above all that were told before this call. Two CPUs that ask at once may be told the
 * same, for two things that live at once and so not at one address. No time: a clock source may be
 * as coarse as a tick, and both would have the same (seen in virtual machines without a usable
 * TSC). No fetching add: kernels before 5.12 have none.
 */
static __always_inline __u64 next_generation(void)
{
	__sync_fetch_and_add(&generations, 1);
	return *(volatile __u64 *)&generations;
}

#endif /* TLSCOPE_BASE_GENERATION_BPF_H */
