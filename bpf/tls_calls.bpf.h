/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A call of a TLS library from its beginning to its end, whichever library it is of. The programs
 * of a library know where the arguments are and what a result means; from there on all are the
 * same: the stream of the object, the socket behind it, the bytes.
 */
#ifndef TLSCOPE_TLS_CALLS_BPF_H
#define TLSCOPE_TLS_CALLS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/own_stack.bpf.h"
#include "bpf/base/ring.bpf.h"
#include "bpf/calls.bpf.h"
#include "bpf/filters.bpf.h"
#include "bpf/handshake.bpf.h"
#include "bpf/memory_bio.bpf.h"
#include "bpf/missed.bpf.h"
#include "bpf/payload.bpf.h"
#include "bpf/points.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tlscope_abi.h"

/* Which SSL object a function was given, and by whom; 0 when its process is not watched. */
static __always_inline int ssl_argument(struct pt_regs *ctx, struct thread **thread,
					struct stream_key *key)
{
	keep_own_stack(ctx);
	if (!process_wanted())
		return 0;
	*thread = get_thread();
	if (!*thread) {
		count(TLSCOPE_COUNT_MAP_FULL, 0);
		return 0;
	}
	*key = stream_key_of(*thread, PT_REGS_PARM1(ctx));
	return 1;
}

/*
 * A call begins where another began that has not been seen to end. Either it never will, or the
 * two are of threads that take turns on one stack, and it may yet.
 */
static __always_inline void replace_call(struct call *call)
{
	count(TLSCOPE_COUNT_CALLS_LEFT, 0);
	if (call->state.sent && call->state.direction == TLSCOPE_WRITE)
		count_unfinished(call->state.len);
	if (call->displaced < 255)
		call->displaced++;
}

/* A call takes the place at sp, of an earlier one or of none. */
static __always_inline void take_place(struct pt_regs *ctx, __u64 sp, struct call *call,
				       const struct thread *thread)
{
	if (call->incarnation != thread->incarnation)
		call->displaced = 0;
	else if (call->state.running)
		replace_call(call);
	call->incarnation = thread->incarnation;
	call->tid = (__u32)bpf_get_current_pid_tgid();
	call->state.mixed = call->displaced != 0;
	if (call->state.mixed)
		note_caller(ctx, sp, call);
}

/*
 * The thread enters a call on the object ssl, which puts how much it moved to moved. NULL when the
 * call is not to be followed.
 */
static __always_inline struct call *begin_call(struct pt_regs *ctx, __u64 ssl, __u8 direction,
					       __u64 moved)
{
	const struct tlscope_point *point;
	struct thread *thread;
	struct stream *stream;
	struct stream_key key;
	struct call *call;
	__u64 sp;

	keep_own_stack(ctx);
	if (process_excluded())
		return NULL;
	if (!process_wanted()) {
		count(TLSCOPE_COUNT_FILTERED, 0);
		return NULL;
	}
	point = current_point(ctx);
	if (!point)
		return NULL;
	sp = call_sp(ctx, point);
	/* Where there is no place for the call, its end finds none and counts it. */
	thread = get_thread();
	call = get_call(sp);
	if (!thread || !call)
		return NULL;
	call->moved = moved;
	take_place(ctx, sp, call, thread);
	key = stream_key_of(thread, ssl);
	stream = bpf_map_lookup_elem(&streams, &key);
	call->state.len = 0;
	call->state.direction = direction;
	call->state.nested = 0;
	call->state.sent = 0;
	call->ssl = ssl;
	call->buf = 0;
	call->began_ns = bpf_ktime_get_ns();
	call->handshake = !stream || !(stream->bytes[TLSCOPE_READ] | stream->bytes[TLSCOPE_WRITE]);
	call->tried_before = stream && stream->state.unfinished;
	call->known_sock = 0;
	/* A descriptor says where the data should go; only a call seen on the socket says it did.
	 */
	if (stream && !stream->sock_gone && !stream->layered &&
	    stream->tuple.provenance != TLSCOPE_SOCK_SET_FD)
		call->known_sock = stream->sock;
	/* Without it no socket call is taken for one inside, as a frame that is gone has none. */
	if (bpf_probe_read_user(&call->return_address, sizeof(call->return_address),
				(const void *)sp))
		call->return_address = 0;
	call->state.running = 1;
	enter_call(thread, sp);
	thread->greeting = 0;
	return call;
}

/* Whether the call that begins at this stack pointer is the one that ends at the point. */
static __always_inline int is_same_call(struct pt_regs *ctx, const struct tlscope_point *point,
					const struct call *call)
{
	__u8 writes = (point->flags & TLSCOPE_POINT_WRITES) != 0;
	__u64 object = 0;
	__u64 ssl = call->ssl;

	/* Loaded here: one instruction must not load from the call and from the stack. */
	barrier_var(ssl);
	if (!(point->flags & TLSCOPE_POINT_BOTH_WAYS) &&
	    writes != (call->state.direction == TLSCOPE_WRITE))
		return 0;
	/* To look into a register costs nothing; into memory, something. */
	if (point->object.kind == TLSCOPE_PLACE_REGISTER || call->state.mixed)
		if (value_at(ctx, point, &point->object, &object))
			return object == ssl;
	/* Where the frame is gone the registers are those of the caller again. */
	return !call->state.mixed ||
	       (point->frame <= 0 && is_same_caller(ctx, call_sp(ctx, point), call));
}

static __always_inline void refuse_end(struct call *call)
{
	count(TLSCOPE_COUNT_CALLS_MIXED, 0);
	if (call->displaced)
		call->displaced--;
}

/* Takes out the call that ends now; NULL when its beginning was not seen or not to be followed. */
static __always_inline struct thread *end_call(struct pt_regs *ctx, struct ended_call *ended)
{
	const struct tlscope_point *point;
	struct thread *thread;
	struct call *call;
	__u64 sp;

	keep_own_stack(ctx);
	if (process_excluded())
		return NULL;
	point = current_point(ctx);
	if (!point)
		return NULL;
	sp = call_sp(ctx, point);
	call = find_call(sp);
	ended->result = register_of(ctx, point->result.reg);
	/* Some ways out pass two points; the first has taken the call. */
	if (call && !call->state.running)
		return NULL;
	if (!call || !is_same_call(ctx, point, call)) {
		if (call)
			refuse_end(call);
		else
			get_call(sp);
		miss_call(ctx, point, ended->result);
		return NULL;
	}
	ended->ssl = call->ssl;
	ended->buf = call->buf;
	ended->moved = call->moved;
	ended->len = call->state.len;
	ended->began_ns = call->began_ns;
	ended->direction = call->state.direction & 1;
	ended->nested = call->state.nested;
	ended->sent = call->state.sent;
	call->state.running = 0;
	/* Another thread than the one that began it, where coroutines move between threads. */
	thread = get_thread();
	if (thread)
		ended->out_of_sight = !leave_call(thread, sp);
	return thread;
}

/* The call moved nothing: what that says of its object. */
static __always_inline void note_failure(struct thread *thread, const struct ended_call *call)
{
	struct stream_key key = stream_key_of(thread, call->ssl);
	struct stream *stream = bpf_map_lookup_elem(&streams, &key);

	if (stream && call->sent && call->direction == TLSCOPE_WRITE)
		note_unfinished(stream, call->len, call->began_ns);
	if (call->nested || call->out_of_sight)
		return;
	if (!stream || (!stream->sock && stream->fd[call->direction] < 0))
		thread->has_memory_bio = 1;
}

/* For a call inside of which no socket was seen. Whether one may be found when the call's record is
 * sent.
 */
static __always_inline int find_socket(struct thread *thread, struct stream *stream,
				       const struct stream_key *key, const struct ended_call *call,
				       __u64 len)
{
	if (stream->sock)
		return 0;
	bind_by_fd(stream, key, call->direction);
	/* That no socket call was seen says nothing then. */
	if (stream->sock || call->out_of_sight)
		return 0;
	thread->has_memory_bio = 1;
	if (call->direction == TLSCOPE_WRITE)
		return note_written(key->ssl, len);
	bind_by_received(stream, key, len);
	return 0;
}

static __always_inline void fill_head(struct tlscope_ssl_data *head, const struct ended_call *call,
				      const struct stream *stream, __u64 len)
{
	fill_header(&head->header, TLSCOPE_RECORD_SSL_DATA, sizeof(*head));
	head->ssl = call->ssl;
	head->ssl_generation = stream->generation;
	head->sock = stream->sock;
	head->sock_generation = stream->sock_generation;
	head->stream_offset = stream->bytes[call->direction & 1];
	head->total_len = len;
	head->moved_ns = head->header.ktime_ns;
	if (call->direction == TLSCOPE_WRITE)
		head->moved_ns = stream->state.unfinished ? stream->state.unfinished_since_ns
							  : call->began_ns;
	head->fd = stream->fd[call->direction & 1];
	head->direction = call->direction;
	head->tuple = stream->tuple;
	if (stream->sock && !call->nested && stream->tuple.provenance == TLSCOPE_SOCK_NESTED)
		head->tuple.provenance = TLSCOPE_SOCK_CACHED;
}

/* One at a time; both directions were hardly missed at once. */
static __always_inline void tell_missed(struct tlscope_ssl_data *head, struct stream *stream)
{
	for (int i = 0; i < TLSCOPE_DIRECTIONS; i++) {
		if (!stream->missed[i].any)
			continue;
		head->missed = 1 + i;
		head->missed_len = stream->missed[i].len;
		stream->missed[i].any = 0;
		return;
	}
}

/* The call moved len bytes of plaintext. use_loop: see emit_payload. */
static __always_inline int deliver(struct thread *thread, const struct ended_call *call, __u64 len,
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
	if (stream->alpn_len)
		emit_alpn(&key, stream);
	fill_head(&emission.head, call, stream, len);
	tell_missed(&emission.head, stream);
	if (call->direction == TLSCOPE_WRITE)
		stream->state.unfinished = 0;
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
