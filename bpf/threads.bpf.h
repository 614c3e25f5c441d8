/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The threads that use TLS. */
#ifndef TLSCOPE_THREADS_BPF_H
#define TLSCOPE_THREADS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/tlscope_abi.h"

/* Calls of a thread that are remembered at a time; a power of two, for the verifier's sake. */
#define THREAD_CALLS 4

struct thread {
	__u32 incarnation; /* tells apart the processes that had one tgid, and programs they exec */
	__u32 next_call; /* whose place in calls the next may have, when none is free */
	__u32 has_memory_bio; /* an SSL object here may see no socket: see memory_bio.bpf.h */
	__u32 pad;
	__u64 greeting; /* the SSL object whose handshake began last, until data passes; else 0 */
	__u64 receiving; /* struct sock * of the call in progress: see begin_receive */
	__u64 calls[THREAD_CALLS]; /* stack pointers of the calls it is in: see calls.bpf.h; 0: none
				    */
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

#endif /* TLSCOPE_THREADS_BPF_H */
