/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Since 6.13 the kernel gives a program with more than 64 bytes of locals a stack per CPU instead
 * of the thread's (bpf_enable_priv_stack of kernel/bpf/verifier.c), because it does not let such a
 * program run twice at a time on one CPU. Uprobes it forgets: they can be preempted, another thread
 * then runs the same program, and each has the other's locals. A program that has a tail call
 * anywhere is spared.
 */
#ifndef TLSCOPE_BASE_OWN_STACK_BPF_H
#define TLSCOPE_BASE_OWN_STACK_BPF_H

#include "bpf/base/kernel_types.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} no_programs SEC(".maps");

const volatile __u8 never = 0;

/* To be called by every uprobe program. Costs nothing: the verifier removes it. */
static __always_inline void keep_own_stack(struct pt_regs *ctx)
{
	if (never)
		bpf_tail_call(ctx, &no_programs, 0);
}

#endif /* TLSCOPE_BASE_OWN_STACK_BPF_H */
