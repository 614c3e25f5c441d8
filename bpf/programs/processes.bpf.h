/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads and processes that begin, end or become another program (include/trace/events/sched.h):
 * what was kept of them ends, too, and --pid follows what is forked.
 */
#ifndef TLSCOPE_PROGRAMS_PROCESSES_BPF_H
#define TLSCOPE_PROGRAMS_PROCESSES_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/calls.bpf.h"
#include "bpf/filters.bpf.h"
#include "bpf/ledgers.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"

/* The calls that the thread began and is in will not end. Others went on in another thread. */
static __always_inline void drop_calls(void)
{
	struct thread *thread = find_thread();
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	if (!thread)
		return;
	for (__u32 i = 0; i < THREAD_CALLS; i++) {
		struct call *call = thread->calls[i] ? find_call(thread->calls[i]) : NULL;

		if (!call || !call->state.running || call->tid != tid)
			continue;
		call->state.running = 0;
		count(TLSCOPE_COUNT_CALLS_LEFT, 0);
		if (call->state.sent && call->state.direction == TLSCOPE_WRITE)
			count_unfinished(call->state.len);
	}
}

/* sched_process_exit(struct task_struct *p), in the thread that exits */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(thread_exit)
{
	__u64 id = bpf_get_current_pid_tgid();

	drop_calls();
	end_thread(id);
	end_ledger(id);
	if (filter_by_pid)
		forget_process();
	return 0;
}

/* sched_process_fork(struct task_struct *parent, struct task_struct *child) */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (filter_by_pid)
		follow_child(parent, child);
	return 0;
}

/*
 * sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm): exec ends
 * every call the process was in; the thread may have been another before (old_pid).
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 old_id = (id & ~0xffffffffULL) | (__u32)old_pid;

	drop_calls();
	end_thread(id);
	if (old_id != id)
		end_thread(old_id);
	return 0;
}

#endif /* TLSCOPE_PROGRAMS_PROCESSES_BPF_H */
