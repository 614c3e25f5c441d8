/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which processes are watched. Kinds are ANDed, values of one kind ORed. Decided at a call's entry,
 * before anything is copied. Userspace fills the sets before the programs are attached.
 */
#ifndef TLSCOPE_FILTERS_BPF_H
#define TLSCOPE_FILTERS_BPF_H

#define FILTER_VALUES 1024

/* Verifier-visible constants: a filter that is not used costs no instruction. */
const volatile __u8 filter_by_pid = 0;
const volatile __u8 filter_by_uid = 0;
const volatile __u8 filter_by_comm = 0;

struct comm_key {
	char name[TLSCOPE_COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_VALUES);
	__type(key, __u32);
	__type(value, __u8);
} wanted_pids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_VALUES);
	__type(key, __u32);
	__type(value, __u8);
} wanted_uids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_VALUES);
	__type(key, struct comm_key);
	__type(value, __u8);
} wanted_comms SEC(".maps");

/* A thread's own name or its process's: a thread pool inside `java` answers to `java` too. */
static __always_inline int comm_wanted(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct comm_key key = {};

	bpf_get_current_comm(key.name, sizeof(key.name));
	if (bpf_map_lookup_elem(&wanted_comms, &key))
		return 1;
	BPF_CORE_READ_INTO(&key.name, task, group_leader, comm);
	return bpf_map_lookup_elem(&wanted_comms, &key) != NULL;
}

static __always_inline int process_wanted(void)
{
	if (filter_by_pid) {
		__u32 tgid = bpf_get_current_pid_tgid() >> 32;

		if (!bpf_map_lookup_elem(&wanted_pids, &tgid))
			return 0;
	}
	if (filter_by_uid) {
		__u32 uid = (__u32)bpf_get_current_uid_gid();

		if (!bpf_map_lookup_elem(&wanted_uids, &uid))
			return 0;
	}
	if (filter_by_comm && !comm_wanted())
		return 0;
	return 1;
}

static __always_inline int filters_in_use(void)
{
	return filter_by_pid || filter_by_uid || filter_by_comm;
}

#endif /* TLSCOPE_FILTERS_BPF_H */
