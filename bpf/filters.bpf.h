/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is watched. Kinds are ANDed, values of one kind ORed. Processes are decided on at a call's
 * entry, connections when it ends, both before anything is copied. Userspace fills the sets before
 * the programs are attached.
 */
#ifndef TLSCOPE_FILTERS_BPF_H
#define TLSCOPE_FILTERS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/pid_namespace.bpf.h"
#include "bpf/tlscope_abi.h"

#define FILTER_VALUES 1024

/* Processes followed at once for --pid: those named, and what they fork. */
#define MAX_WANTED_PIDS 16384

/* Levels below the root of the cgroup hierarchy that are looked at. */
#define CGROUP_LEVELS 32

/* Verifier-visible constants: a filter that is not used costs no instruction. */
const volatile __u8 filter_by_pid = 0;
const volatile __u8 filter_by_uid = 0;
const volatile __u8 filter_by_comm = 0;
const volatile __u8 filter_by_cgroup = 0;
const volatile __u8 filter_by_port = 0;

/*
 * Processes go by the numbers that userspace knows them by: see base/pid_namespace.bpf.h.
 *
 * The agent's own process, when it is not to see itself; 0: nobody.
 */
const volatile __u32 excluded_tgid = 0;

struct comm_key {
	char name[TLSCOPE_COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_WANTED_PIDS);
	__type(key, __u32);
	__type(value, __u8);
} wanted_pids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_VALUES);
	__type(key, __u64); /* kernfs id: the inode number of the cgroup's directory */
	__type(value, __u8);
} wanted_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_VALUES);
	__type(key, __u16); /* host order */
	__type(value, __u8);
} wanted_ports SEC(".maps");

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

/* The task's cgroup or one above it. */
static __always_inline int cgroup_wanted(void)
{
	for (int level = 0; level < CGROUP_LEVELS; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (!id)
			return 0;
		if (bpf_map_lookup_elem(&wanted_cgroups, &id))
			return 1;
	}
	return 0;
}

/* Nothing at all is done for such a process, not even counting. */
static __always_inline int process_excluded(void)
{
	return excluded_tgid && visible_pid_tgid() >> 32 == excluded_tgid;
}

static __always_inline int process_wanted(void)
{
	if (process_excluded())
		return 0;
	if (filter_by_pid) {
		__u32 tgid = visible_pid_tgid() >> 32;

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
	if (filter_by_cgroup && !cgroup_wanted())
		return 0;
	return 1;
}

/* Either end's port. A connection whose ends are unknown is not of a wanted port. */
static __always_inline int port_wanted(const struct tlscope_tuple *tuple)
{
	__u16 sport = tuple->sport;
	__u16 dport = tuple->dport;

	if (!filter_by_port)
		return 1;
	return bpf_map_lookup_elem(&wanted_ports, &sport) ||
	       bpf_map_lookup_elem(&wanted_ports, &dport);
}

/* What a followed process forks is followed. */
static __always_inline void follow_child(struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tgid = visible_tgid(parent);
	__u32 child_tgid = visible_tgid(child);
	__u8 present = 1;

	if (parent_tgid == child_tgid || !bpf_map_lookup_elem(&wanted_pids, &parent_tgid))
		return;
	if (bpf_map_update_elem(&wanted_pids, &child_tgid, &present, BPF_ANY))
		count(TLSCOPE_COUNT_MAP_FULL, 0);
}

/* Its number may become another's. */
static __always_inline void forget_process(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tgid = visible_pid_tgid() >> 32;

	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		bpf_map_delete_elem(&wanted_pids, &tgid);
}

static __always_inline int filters_in_use(void)
{
	return filter_by_pid || filter_by_uid || filter_by_comm || filter_by_cgroup;
}

#endif /* TLSCOPE_FILTERS_BPF_H */
