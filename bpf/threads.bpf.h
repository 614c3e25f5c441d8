/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The threads that use TLS, and the SSL calls each is inside of. A call is known by the stack
 * pointer at its entry: its return comes with the same one, calls nested in it lie below, and what
 * a longjmp left behind is recognised because the stack has since been unwound above it.
 */
#ifndef TLSCOPE_THREADS_BPF_H
#define TLSCOPE_THREADS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/tlscope_abi.h"

/* TLS in TLS in TLS; a power of two, for the verifier's sake. */
#define MAX_DEPTH 4

/* Frames this far apart lie on different stacks (coroutines, signal stacks): no conclusion. */
#define STACK_WINDOW (1 << 20)

/* How far the stack pointer has moved when the return probe runs: x86's ret pops the address. */
#if defined(__TARGET_ARCH_x86)
#define RETURN_POP 8
#else
#define RETURN_POP 0
#endif

struct call {
	__u64 sp; /* stack pointer at entry */
	__u64 ssl; /* SSL *, or what another library has in its place */
	__u64 buf; /* user address of the plaintext */
	__u64 moved; /* user address of the size_t that says how much moved; 0: the result does */
	__u64 known_sock; /* struct sock * the stream is bound to; a nested call elsewhere rebinds
			   */
	__u8 direction;
	__u8 nested; /* a socket call was seen inside */
	__u8 handshake; /* no plaintext has passed yet: see handshake.bpf.h */
	__u8 pad[5];
};

struct thread {
	__u32 incarnation; /* tells apart the processes that had one tgid, and programs they exec */
	__u32 depth;
	__u32 has_memory_bio; /* an SSL object here saw no socket: see memory_bio.bpf.h */
	__u32 pad;
	__u64 receiving; /* struct sock * of the call in progress: see begin_receive */
	struct call calls[MAX_DEPTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* bpf_get_current_pid_tgid() */
	__type(value, struct thread);
} threads SEC(".maps");

static __always_inline __u32 current_incarnation(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 start = BPF_CORE_READ(task, group_leader, start_time);

	/* 2^10 ns: two processes cannot get one tgid faster than that. */
	return (__u32)(start >> 10) + (__u32)BPF_CORE_READ(task, self_exec_id);
}

static __always_inline struct thread *find_thread(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&threads, &id);
}

static __always_inline struct thread *get_thread(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct thread *thread = bpf_map_lookup_elem(&threads, &id);
	struct thread fresh = {};

	if (thread)
		return thread;
	fresh.incarnation = current_incarnation();
	if (!bpf_map_update_elem(&threads, &id, &fresh, BPF_ANY))
		count(TLSCOPE_COUNT_THREADS_MADE, 0);
	return bpf_map_lookup_elem(&threads, &id);
}

static __always_inline void end_thread(__u64 id)
{
	if (!bpf_map_delete_elem(&threads, &id))
		count(TLSCOPE_COUNT_THREADS_ENDED, 0);
}

/* The innermost call, NULL when the thread is in none. */
static __always_inline struct call *top_call(struct thread *thread)
{
	__u32 depth = thread->depth;

	if (depth == 0 || depth > MAX_DEPTH)
		return NULL;
	return &thread->calls[(depth - 1) & (MAX_DEPTH - 1)];
}

/* Drops what a longjmp or an exception skipped over: frames at or below sp on the same stack. */
static __always_inline void drop_dead_calls(struct thread *thread, __u64 sp)
{
	for (int i = 0; i < MAX_DEPTH; i++) {
		struct call *top = top_call(thread);

		if (!top || top->sp > sp || sp - top->sp >= STACK_WINDOW)
			return;
		thread->depth--;
	}
}

/* Room for a call that starts with stack pointer sp; NULL when nested too deep. */
static __always_inline struct call *push_call(struct thread *thread, __u64 sp)
{
	__u32 depth;

	drop_dead_calls(thread, sp);
	depth = thread->depth;
	if (depth >= MAX_DEPTH)
		return NULL;
	thread->depth = depth + 1;
	return &thread->calls[depth & (MAX_DEPTH - 1)];
}

/* Takes out the call that was entered with stack pointer sp. 0 when there is none. */
static __always_inline int take_call(struct thread *thread, __u64 sp, struct call *out)
{
	struct call *top = top_call(thread);

	if (!top)
		return 0;
	for (__u32 i = 0; i < MAX_DEPTH; i++) {
		struct call *call = &thread->calls[i];

		if (i >= thread->depth || call->sp != sp)
			continue;
		*out = *call;
		*call = *top;
		thread->depth--;
		return 1;
	}
	return 0;
}

#endif /* TLSCOPE_THREADS_BPF_H */
