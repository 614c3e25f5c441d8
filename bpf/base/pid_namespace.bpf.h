/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The numbers by which userspace knows processes: those of the agent's own PID namespace
 * (pid_namespaces(7)). In the first one they are the kernel's, and asking costs nothing. Maps that
 * only programs look into are keyed by the kernel's numbers, which every process has.
 */
#ifndef TLSCOPE_BASE_PID_NAMESPACE_BPF_H
#define TLSCOPE_BASE_PID_NAMESPACE_BPF_H

#include "bpf/base/kernel_types.bpf.h"

/* MAX_PID_NS_LEVEL of include/linux/pid_namespace.h */
#define PID_NAMESPACE_LEVELS 32

/* The inode number of the agent's PID namespace; 0: the first one. */
const volatile __u32 pid_namespace = 0;

/*
 * The number that a thread has in that namespace, 0 when it is not visible there: a struct pid has
 * one number for each namespace from the first one down to the thread's own. A function of its own,
 * by the task's address, so that the verifier goes through the loop once.
 */
__noinline __u32 number_in_namespace(__u64 task_address)
{
	struct task_struct *task = (struct task_struct *)task_address;
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u64 numbers = (__u64)__builtin_preserve_access_index(&pid->numbers);
	__u32 deepest = BPF_CORE_READ(pid, level);

	for (__u32 level = 0; level < PID_NAMESPACE_LEVELS; level++) {
		struct upid *upid =
			(struct upid *)(numbers + level * bpf_core_type_size(struct upid));

		if (level > deepest)
			return 0;
		if (BPF_CORE_READ(upid, ns, ns.inum) == pid_namespace)
			return BPF_CORE_READ(upid, nr);
	}
	return 0;
}

/* The process of a task. */
static __always_inline __u32 visible_tgid(struct task_struct *task)
{
	if (!pid_namespace)
		return BPF_CORE_READ(task, tgid);
	return number_in_namespace((__u64)BPF_CORE_READ(task, group_leader));
}

/* As bpf_get_current_pid_tgid(). */
static __always_inline __u64 visible_pid_tgid(void)
{
	struct task_struct *task;

	if (!pid_namespace)
		return bpf_get_current_pid_tgid();
	task = (struct task_struct *)bpf_get_current_task();
	return (__u64)visible_tgid(task) << 32 | number_in_namespace((__u64)task);
}

#endif /* TLSCOPE_BASE_PID_NAMESPACE_BPF_H */
