/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One SSL call's plaintext, as records on the ring. */
#ifndef TLSCOPE_PAYLOAD_BPF_H
#define TLSCOPE_PAYLOAD_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/ring.bpf.h"
#include "bpf/tlscope_abi.h"

/* Plaintext bytes captured of one call; 0: all of them. */
const volatile __u64 max_payload = 1 << 20;

/* Userspace sets it to 1 while calls are to be counted and not copied. */
volatile __u64 paused = 0;

/*
 * Full chunks of one call where bpf_loop is missing (before 5.17): the verifier walks through each.
 * Userspace lowers it to what max_payload needs.
 */
const volatile __u32 max_chunks_unrolled = TLSCOPE_CHUNKS_UNROLLED;
/* The most bpf_loop does: BPF_MAX_LOOPS of kernel/bpf/bpf_iter.c, 128 GiB of payload. */
#define MAX_CHUNKS (1 << 23)

struct emission {
	__u64 buf; /* user address of the call's plaintext */
	__u64 left; /* bytes still to write; head.chunk_offset have been dealt with */
	struct tlscope_ssl_data head; /* what every record of the call has in common */
};

/*
 * Writes the next len bytes as one record of a size class. capacity is a constant at every call.
 * What cannot be written is counted and skipped: the next record's offset shows the gap.
 */
static __always_inline void emit_chunk(struct emission *emission, const __u32 capacity, __u32 len)
{
	struct tlscope_ssl_data *record;
	__u64 from = emission->buf + emission->head.chunk_offset;

	record = bpf_ringbuf_reserve(&events, sizeof(*record) + capacity, 0);
	if (!record) {
		count(TLSCOPE_COUNT_RING_FULL, len);
		goto out;
	}
	*record = emission->head;
	record->chunk_len = len;
	record->ends_call = emission->left == len;
	record->header.size = sizeof(*record) + len;
	if (len > capacity || bpf_probe_read_user(record->chunk, len, (const void *)from)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		count(TLSCOPE_COUNT_FAULT, len);
		goto out;
	}
	submit(record);
	emission->head.missed = 0; /* told */
out:
	emission->head.chunk_offset += len;
	emission->left -= len;
}

static long emit_full_chunk(__u32 index, struct emission *emission)
{
	if (emission->left < TLSCOPE_CHUNK_MAX)
		return 1;
	emit_chunk(emission, TLSCOPE_CHUNK_MAX, TLSCOPE_CHUNK_MAX);
	return 0;
}

static __always_inline void emit_tail(struct emission *emission)
{
	__u64 left = emission->left;

	if (left == 0)
		return;
	if (left <= 256)
		emit_chunk(emission, 256, left);
	else if (left <= 1024)
		emit_chunk(emission, 1024, left);
	else if (left <= 4096)
		emit_chunk(emission, 4096, left);
	else if (left <= TLSCOPE_CHUNK_MAX)
		emit_chunk(emission, TLSCOPE_CHUNK_MAX, left);
	else
		count(TLSCOPE_COUNT_TRUNCATED, left);
}

/* use_loop is a constant: each program has one of the two ways in it. */
static __always_inline void emit_payload(struct emission *emission, const int use_loop)
{
	__u64 len = emission->head.total_len;

	count(TLSCOPE_COUNT_SEEN, len);
	if (paused) {
		count(TLSCOPE_COUNT_PAUSED, len);
		return;
	}
	if (max_payload && len > max_payload) {
		count(TLSCOPE_COUNT_TRUNCATED, len - max_payload);
		len = max_payload;
	}
	emission->left = len;
	if (use_loop) {
		if (len >= TLSCOPE_CHUNK_MAX)
			bpf_loop(MAX_CHUNKS, emit_full_chunk, emission, 0);
	} else {
		for (__u32 i = 0; i < max_chunks_unrolled; i++)
			if (emit_full_chunk(i, emission))
				break;
	}
	emit_tail(emission);
}

#endif /* TLSCOPE_PAYLOAD_BPF_H */
