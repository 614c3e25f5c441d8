/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A call of a TLS library from its entry to its return, whichever library it is of. The programs of
 * a library know where the arguments are and what a result means; from there on all are the same:
 * the stream of the object, the socket behind it, the bytes.
 */
#ifndef TLSCOPE_TLS_CALLS_BPF_H
#define TLSCOPE_TLS_CALLS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/own_stack.bpf.h"
#include "bpf/base/ring.bpf.h"
#include "bpf/filters.bpf.h"
#include "bpf/memory_bio.bpf.h"
#include "bpf/payload.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tlscope_abi.h"

/*
 * The thread enters a call on the object ssl. NULL when the call is not to be followed; else
 * the caller fills in buf and moved.
 */
static __always_inline struct call *begin_call(struct pt_regs *ctx, __u64 ssl, __u8 direction)
{
	struct thread *thread;
	struct stream *stream;
	struct call *call;
	struct stream_key key;

	keep_own_stack(ctx);
	if (process_excluded())
		return NULL;
	if (!process_wanted()) {
		count(TLSCOPE_COUNT_FILTERED, 0);
		return NULL;
	}
	/* Where there is no place for the call, its return finds none and counts it. */
	thread = get_thread();
	if (!thread)
		return NULL;
	call = push_call(thread, PT_REGS_SP(ctx));
	if (!call)
		return NULL;
	key = stream_key_of(thread, ssl);
	stream = bpf_map_lookup_elem(&streams, &key);
	call->sp = PT_REGS_SP(ctx);
	call->ssl = ssl;
	call->direction = direction;
	call->nested = 0;
	call->handshake = !stream || !(stream->bytes[TLSCOPE_READ] | stream->bytes[TLSCOPE_WRITE]);
	call->known_sock = 0;
	/* A descriptor says where the data should go; only a call seen on the socket says it did.
	 */
	if (stream && !stream->sock_gone && !stream->layered &&
	    stream->tuple.provenance != TLSCOPE_SOCK_SET_FD)
		call->known_sock = stream->sock;
	return call;
}

/* Takes out the call that returns now; NULL when its entry was not seen or not to be followed. */
static __always_inline struct thread *end_call(struct pt_regs *ctx, struct call *call)
{
	struct thread *thread;

	keep_own_stack(ctx);
	if (process_excluded())
		return NULL;
	thread = find_thread();
	if (thread && take_call(thread, PT_REGS_SP(ctx) - RETURN_POP, call))
		return thread;
	if (!filters_in_use() || process_wanted())
		count(TLSCOPE_COUNT_NO_CALL, 0);
	return NULL;
}

/* Whether a call that moved nothing shows that its SSL object touches no socket. */
static __always_inline void note_bio(struct thread *thread, const struct call *call)
{
	struct stream_key key = stream_key_of(thread, call->ssl);
	struct stream *stream;

	if (thread->has_memory_bio || call->nested)
		return;
	stream = bpf_map_lookup_elem(&streams, &key);
	if (!stream || (!stream->sock && stream->fd[call->direction & 1] < 0))
		thread->has_memory_bio = 1;
}

/* For a call inside of which no socket was seen. Whether one may be found when the call's record is
 * sent.
 */
static __always_inline int find_socket(struct thread *thread, struct stream *stream,
				       const struct stream_key *key, const struct call *call,
				       __u64 len)
{
	if (stream->sock)
		return 0;
	bind_by_fd(stream, key, call->direction);
	if (stream->sock)
		return 0;
	thread->has_memory_bio = 1;
	if (call->direction == TLSCOPE_WRITE)
		return note_written(key->ssl, len);
	bind_by_received(stream, key, len);
	return 0;
}

static __always_inline void fill_head(struct tlscope_ssl_data *head, const struct call *call,
				      const struct stream *stream, __u64 len)
{
	fill_header(&head->header, TLSCOPE_RECORD_SSL_DATA, sizeof(*head));
	head->ssl = call->ssl;
	head->ssl_generation = stream->generation;
	head->sock = stream->sock;
	head->sock_generation = stream->sock_generation;
	head->stream_offset = stream->bytes[call->direction & 1];
	head->total_len = len;
	head->fd = stream->fd[call->direction & 1];
	head->direction = call->direction;
	head->tuple = stream->tuple;
	if (stream->sock && !call->nested && stream->tuple.provenance == TLSCOPE_SOCK_NESTED)
		head->tuple.provenance = TLSCOPE_SOCK_CACHED;
}

/* The call moved len bytes of plaintext. use_loop: see emit_payload. */
static __always_inline int deliver(struct thread *thread, const struct call *call, __u64 len,
				   const int use_loop)
{
	struct emission emission = {};
	struct stream_key key = stream_key_of(thread, call->ssl);
	struct stream *stream = get_stream(&key);

	if (!stream) {
		count(TLSCOPE_COUNT_SEEN, len);
		count(TLSCOPE_COUNT_MAP_FULL, len);
		return 0;
	}
	emission.head.socket_pending = find_socket(thread, stream, &key, call, len);
	fill_head(&emission.head, call, stream, len);
	emission.buf = call->buf;
	/* Before any decision to drop, so that userspace sees every gap. */
	__sync_fetch_and_add(&stream->bytes[call->direction & 1], len);
	if (!emission.head.socket_pending && !port_wanted(&stream->tuple)) {
		count(TLSCOPE_COUNT_FILTERED, len);
		return 0;
	}
	emit_payload(&emission, use_loop);
	return 0;
}

#endif /* TLSCOPE_TLS_CALLS_BPF_H */
