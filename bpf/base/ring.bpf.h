/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ring to userspace, and when to wake its reader. */
#ifndef TLSCOPE_BASE_RING_BPF_H
#define TLSCOPE_BASE_RING_BPF_H

#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/pid_namespace.bpf.h"
#include "bpf/tlscope_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 25); /* bytes; userspace sets it before load */
} events SEC(".maps");

#define WAKE_NEVER (~0ULL)

/*
 * The reader sleeps until this many bytes wait in the ring, or its own timeout. It writes the mark
 * before it sleeps; the first submit that reaches the mark takes it away, so a full ring costs one
 * wakeup and not one per record: a wakeup costs the traced thread more than copying 4 KiB.
 */
volatile __u64 wake_mark = WAKE_NEVER;

static __always_inline void submit(void *record)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= wake_mark) {
		wake_mark = WAKE_NEVER;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
}

static __always_inline void fill_header(struct tlscope_header *header, __u16 type, __u32 size)
{
	__u64 pid_tgid = visible_pid_tgid();

	header->type = type;
	header->version = TLSCOPE_ABI_VERSION;
	header->size = size;
	header->ktime_ns = bpf_ktime_get_ns();
	header->tgid = pid_tgid >> 32;
	header->tid = (__u32)pid_tgid;
	bpf_get_current_comm(header->comm, sizeof(header->comm));
}

#endif /* TLSCOPE_BASE_RING_BPF_H */
