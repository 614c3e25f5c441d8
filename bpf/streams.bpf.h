/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of an SSL object: how far each direction has come, and its socket. */
#ifndef TLSCOPE_STREAMS_BPF_H
#define TLSCOPE_STREAMS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/generation.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/ring.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tlscope_abi.h"

struct stream {
	struct tlscope_stream_state state;
	__u64 generation; /* tells apart SSL objects at one address */
	__u64 bytes[TLSCOPE_DIRECTIONS]; /* plaintext moved so far */
	__u64 sock; /* struct sock *, 0 when unknown */
	__u64 sock_generation;
	struct tlscope_tuple tuple; /* of sock; its provenance says how sock was found */
	__s32 fd[TLSCOPE_DIRECTIONS];
	__u32 extra_refs; /* SSL_up_ref calls not yet undone */
	__u8 sock_gone; /* the kernel destroyed sock; its address may come back as another */
	__u8 layered; /* another SSL object is between: sock_gone is told to that one */
	__u8 alpn_told;
	__u8 alpn_len; /* of the protocol's name at alpn, still to be told; 0: none */
	__u64 alpn; /* user address, which lasts as long as the object */
	struct missed missed[TLSCOPE_DIRECTIONS];
};

/* LRU: a process can die without SSL_free, and nothing tells which SSL objects it had. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct stream_key);
	__type(value, struct stream);
} streams SEC(".maps");

static __always_inline struct stream_key stream_key_of(const struct thread *thread, __u64 ssl)
{
	struct stream_key key = {
		.ssl = ssl,
		.tgid = bpf_get_current_pid_tgid() >> 32,
		.incarnation = thread->incarnation,
	};

	return key;
}

static __always_inline struct stream *get_stream(const struct stream_key *key)
{
	struct stream *stream = bpf_map_lookup_elem(&streams, key);
	struct stream fresh = {.fd = {-1, -1}};

	if (stream)
		return stream;
	fresh.generation = next_generation();
	if (!bpf_map_update_elem(&streams, key, &fresh, BPF_NOEXIST))
		count(TLSCOPE_COUNT_STREAMS_MADE, 0);
	return bpf_map_lookup_elem(&streams, key);
}

/* The stream is the one whose call was missed on the socket. */
static __always_inline void take_missed(struct stream *stream, struct tls_socket *socket)
{
	for (int i = 0; i < TLSCOPE_DIRECTIONS; i++) {
		if (!socket->missed[i].any)
			continue;
		stream->missed[i] = socket->missed[i];
		socket->missed[i].any = 0;
	}
}

/* Says which socket a stream is on. sk is alive: the caller runs inside a call on it, or holds fd.
 */
static __always_inline void bind_socket(struct stream *stream, const struct stream_key *key,
					struct sock *sk, __u8 provenance)
{
	struct tls_socket *socket = get_socket(sk);

	if (!socket)
		return;
	socket->stream = *key;
	take_missed(stream, socket);
	if (stream->sock != (__u64)sk)
		stream->alpn_told = 0;
	stream->sock = (__u64)sk;
	stream->sock_generation = socket->generation;
	stream->tuple = socket->tuple;
	stream->tuple.provenance = provenance;
	stream->sock_gone = 0;
}

/* For a stream that is given another descriptor: what is known of its socket no longer holds. */
static __always_inline void forget_socket(struct stream *stream)
{
	stream->sock = 0;
	stream->sock_generation = 0;
	stream->alpn_told = 0;
	__builtin_memset(&stream->tuple, 0, sizeof(stream->tuple));
}

/* The descriptor of the stream's socket, for the directions that SSL_set_fd told none for. */
static __always_inline void name_fd(struct stream *stream, int fd)
{
	if (stream->fd[TLSCOPE_READ] < 0)
		stream->fd[TLSCOPE_READ] = fd;
	if (stream->fd[TLSCOPE_WRITE] < 0)
		stream->fd[TLSCOPE_WRITE] = fd;
}

/* For a stream whose socket no nested call has shown: ask the descriptor SSL_set_fd was given. */
static __always_inline void bind_by_fd(struct stream *stream, const struct stream_key *key,
				       __u8 direction)
{
	struct sock *sk;

	if (stream->sock || stream->fd[direction & 1] < 0)
		return;
	sk = sock_of_fd(stream->fd[direction & 1]);
	if (sk)
		bind_socket(stream, key, sk, TLSCOPE_SOCK_SET_FD);
}

/* A write of the stream has failed after something was sent; OpenSSL wants it tried again. */
static __always_inline void note_unfinished(struct stream *stream, __u64 len, __u64 began_ns)
{
	if (stream->state.unfinished)
		return;
	stream->state.unfinished = len;
	stream->state.unfinished_since_ns = began_ns;
}

/* What was sent of a write that will not be tried again is lost. */
static __always_inline void count_unfinished(__u64 len)
{
	if (!len)
		return;
	count(TLSCOPE_COUNT_SEEN, len);
	count(TLSCOPE_COUNT_UNFINISHED, len);
}

/* Tells userspace how far a stream came, if it came anywhere. */
static __always_inline void emit_end(const struct stream_key *key, const struct stream *stream)
{
	struct tlscope_ssl_end *record;

	count_unfinished(stream->state.unfinished);
	if (!stream->bytes[TLSCOPE_READ] && !stream->bytes[TLSCOPE_WRITE])
		return;
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count(TLSCOPE_COUNT_RING_FULL_META, 0);
		return;
	}
	fill_header(&record->header, TLSCOPE_RECORD_SSL_END, sizeof(*record));
	record->ssl = key->ssl;
	record->ssl_generation = stream->generation;
	record->bytes[TLSCOPE_READ] = stream->bytes[TLSCOPE_READ];
	record->bytes[TLSCOPE_WRITE] = stream->bytes[TLSCOPE_WRITE];
	submit(record);
}

/* The object is freed: what comes at its address is another. */
static __always_inline void end_stream(const struct stream_key *key, const struct stream *stream)
{
	emit_end(key, stream);
	if (!bpf_map_delete_elem(&streams, key))
		count(TLSCOPE_COUNT_STREAMS_ENDED, 0);
}

/* The object serves another connection from now on, with the descriptors and references it has. */
static __always_inline void restart_stream(const struct stream_key *key,
					   const struct stream *stream)
{
	struct stream fresh = {};

	emit_end(key, stream);
	fresh.generation = next_generation();
	fresh.fd[TLSCOPE_READ] = stream->fd[TLSCOPE_READ];
	fresh.fd[TLSCOPE_WRITE] = stream->fd[TLSCOPE_WRITE];
	fresh.extra_refs = stream->extra_refs;
	if (bpf_map_update_elem(&streams, key, &fresh, BPF_ANY))
		count(TLSCOPE_COUNT_MAP_FULL, 0);
}

#endif /* TLSCOPE_STREAMS_BPF_H */
