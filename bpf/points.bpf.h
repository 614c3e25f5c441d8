/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The instructions that programs run at, and what userspace found out about each by decoding the
 * function around it. No program runs at a return: the kernel would have to replace the return
 * address, which an exception or a coroutine does not survive.
 */
#ifndef TLSCOPE_POINTS_BPF_H
#define TLSCOPE_POINTS_BPF_H

#include <stddef.h>

#include "bpf/base/kernel_types.bpf.h"
#include "bpf/tlscope_abi.h"

/* By attach cookie; filled in before the program is attached. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TLSCOPE_POINTS);
	__type(key, __u32);
	__type(value, struct tlscope_point);
} points SEC(".maps");

/* Where the program runs; never NULL but for the verifier. */
static __always_inline const struct tlscope_point *current_point(struct pt_regs *ctx)
{
	__u32 index = TLSCOPE_POINT_UNTOLD;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_attach_cookie))
		index = (__u32)bpf_get_attach_cookie(ctx);
	return bpf_map_lookup_elem(&points, &index);
}

/* The stack pointer at the entry of the function that the point belongs to: the name of its call.
 */
static __always_inline __u64 call_sp(struct pt_regs *ctx, const struct tlscope_point *point)
{
	return PT_REGS_SP(ctx) + point->frame;
}

/* Registers that a function gives back as it found them (System V ABI for AMD64, 3.2.1). */
struct kept_registers {
	__u64 rbx, rbp, r12, r13, r14, r15;
};

/* Where struct pt_regs has the registers that instructions number. */
const volatile __u16 register_offsets[] = {
	offsetof(struct pt_regs, rax), offsetof(struct pt_regs, rcx), offsetof(struct pt_regs, rdx),
	offsetof(struct pt_regs, rbx), offsetof(struct pt_regs, rsp), offsetof(struct pt_regs, rbp),
	offsetof(struct pt_regs, rsi), offsetof(struct pt_regs, rdi), offsetof(struct pt_regs, r8),
	offsetof(struct pt_regs, r9),  offsetof(struct pt_regs, r10), offsetof(struct pt_regs, r11),
	offsetof(struct pt_regs, r12), offsetof(struct pt_regs, r13), offsetof(struct pt_regs, r14),
	offsetof(struct pt_regs, r15),
};

static __always_inline __u64 register_of(struct pt_regs *ctx, __u8 number)
{
	__u64 rax = ctx->rax;
	__u64 value = 0;

	/* Most results are there; the verifier allows a context no offset that varies. */
	barrier_var(rax);
	if (number == 0)
		return rax;
	bpf_probe_read_kernel(&value, sizeof(value),
			      (const void *)ctx + register_offsets[number & 15]);
	return value;
}

static __always_inline void keep_registers(struct pt_regs *ctx, struct kept_registers *kept)
{
	kept->rbx = ctx->rbx;
	kept->rbp = ctx->rbp;
	kept->r12 = ctx->r12;
	kept->r13 = ctx->r13;
	kept->r14 = ctx->r14;
	kept->r15 = ctx->r15;
}

static __always_inline int same_registers(struct pt_regs *ctx, const struct kept_registers *kept)
{
	return kept->rbx == ctx->rbx && kept->rbp == ctx->rbp && kept->r12 == ctx->r12 &&
	       kept->r13 == ctx->r13 && kept->r14 == ctx->r14 && kept->r15 == ctx->r15;
}

/* Whether a value is known there, and then the value. */
static __always_inline int value_at(struct pt_regs *ctx, const struct tlscope_point *point,
				    const struct tlscope_place *place, __u64 *value)
{
	__u64 at = call_sp(ctx, point) + place->at;

	switch (place->kind) {
	case TLSCOPE_PLACE_REGISTER:
		*value = register_of(ctx, place->reg);
		return 1;
	case TLSCOPE_PLACE_STACK:
		return !bpf_probe_read_user(value, sizeof(*value), (const void *)at);
	case TLSCOPE_PLACE_STACK_ADDRESS:
		*value = at;
		return 1;
	default:
		return 0;
	}
}

#endif /* TLSCOPE_POINTS_BPF_H */
