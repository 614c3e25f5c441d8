/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a thread that moves TLS records itself did in the last moments: records it received and may
 * be about to read, calls it wrote and may be about to send. See memory_bio.bpf.h.
 */
#ifndef TLSCOPE_LEDGERS_BPF_H
#define TLSCOPE_LEDGERS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/tls_records.bpf.h"
#include "bpf/tlscope_abi.h"

/* Of each kind, the oldest overwritten; a power of two. */
#define LEDGER_ENTRIES 8

/* How long an entry counts; a thread goes on to the other half at once. */
#define LEDGER_NS 100000000ULL

/*
 * What a record is longer than its plaintext: at least an AEAD's tag (RFC 8446 5.2: 16, and a byte
 * of content type), at most the IV, MAC and padding of AES-CBC with SHA-384 (RFC 5246 6.2.3.2).
 */
#define TLS_MIN_OVERHEAD 16
#define TLS_MAX_OVERHEAD 80

struct ledger_entry {
	__u64 ktime_ns; /* 0: free */
	__u64 id; /* received: struct sock *; written: SSL * */
	__u32 len; /* received: the record's; written: of the plaintext in the first record */
	__s32 fd; /* received: of the socket; written: -1 */
};

struct ledger {
	struct ledger_entry received[LEDGER_ENTRIES];
	struct ledger_entry written[LEDGER_ENTRIES];
	__u32 next_received;
	__u32 next_written;
};

/* LRU: an entry is of use for LEDGER_NS only. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64); /* bpf_get_current_pid_tgid() */
	__type(value, struct ledger);
} ledgers SEC(".maps");

/* The current thread's, NULL when it has none. */
static __always_inline struct ledger *find_ledger(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&ledgers, &id);
}

static __always_inline struct ledger *get_ledger(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ledger *ledger = bpf_map_lookup_elem(&ledgers, &id);
	static const struct ledger empty;

	if (ledger)
		return ledger;
	if (bpf_map_update_elem(&ledgers, &id, &empty, BPF_NOEXIST)) {
		count(TLSCOPE_COUNT_MAP_FULL, 0);
		return NULL;
	}
	count(TLSCOPE_COUNT_LEDGERS_MADE, 0);
	return bpf_map_lookup_elem(&ledgers, &id);
}

static __always_inline void end_ledger(__u64 id)
{
	if (!bpf_map_delete_elem(&ledgers, &id))
		count(TLSCOPE_COUNT_LEDGERS_ENDED, 0);
}

static __always_inline void add_received(struct ledger *ledger, struct sock *sk, __u32 record_len,
					 int fd)
{
	struct ledger_entry *entry;

	entry = &ledger->received[ledger->next_received++ & (LEDGER_ENTRIES - 1)];
	entry->ktime_ns = bpf_ktime_get_ns();
	entry->id = (__u64)sk;
	entry->len = record_len;
	entry->fd = fd;
}

static __always_inline void add_written(struct ledger *ledger, __u64 ssl, __u64 plaintext_len)
{
	struct ledger_entry *entry;

	entry = &ledger->written[ledger->next_written++ & (LEDGER_ENTRIES - 1)];
	entry->ktime_ns = bpf_ktime_get_ns();
	entry->id = ssl;
	entry->len = plaintext_len < TLS_MAX_PLAINTEXT ? plaintext_len : TLS_MAX_PLAINTEXT;
	entry->fd = -1;
}

/* Whether an entry is fresh, and its record longer than its plaintext by what a cipher adds. */
static __always_inline int entry_fits(const struct ledger_entry *entry, __u64 now, __u64 record_len,
				      __u64 plaintext_len)
{
	__s64 overhead = (__s64)record_len - (__s64)plaintext_len;

	return entry->ktime_ns && now - entry->ktime_ns < LEDGER_NS &&
	       overhead >= TLS_MIN_OVERHEAD && overhead <= TLS_MAX_OVERHEAD;
}

#endif /* TLSCOPE_LEDGERS_BPF_H */
