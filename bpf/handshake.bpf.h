/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a handshake tells in clear: the first message of each end as it passes through the socket,
 * and the protocol that the program asks for. Userspace reads them; here they are only recognised.
 */
#ifndef TLSCOPE_HANDSHAKE_BPF_H
#define TLSCOPE_HANDSHAKE_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/ring.bpf.h"
#include "bpf/base/syscalls.bpf.h"
#include "bpf/calls.bpf.h"
#include "bpf/filters.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tls_records.bpf.h"
#include "bpf/tlscope_abi.h"

/* RFC 8446 4: how a ClientHello and a ServerHello begin. */
struct tls_hello {
	__u8 type;
	__u8 len[3];
	__u8 version[2];
} __attribute__((packed));

/* RFC 7301 3.1: a name has 1..255 bytes. */
#define ALPN_MAX 255

/*
 * The type of the hello that span begins with, in a record or just behind the record's header,
 * which OpenSSL receives by itself; 0 when there is none. Makes span that of the hello.
 */
static __always_inline __u8 find_hello(struct span *span)
{
	struct tls_header header;
	struct tls_hello hello;
	__u32 len;

	if (span->len < sizeof(hello) ||
	    bpf_probe_read_user(&header, sizeof(header), (const void *)span->at))
		return 0;
	if (header.type == TLS_HANDSHAKE && header.version[0] == 3) {
		span->at += sizeof(header);
		span->len -= sizeof(header);
	}
	if (span->len < sizeof(hello) ||
	    bpf_probe_read_user(&hello, sizeof(hello), (const void *)span->at))
		return 0;
	if ((hello.type != TLSCOPE_CLIENT_HELLO && hello.type != TLSCOPE_SERVER_HELLO) ||
	    hello.len[0] || hello.version[0] != 3)
		return 0;
	len = sizeof(hello.type) + sizeof(hello.len) + (hello.len[1] << 8 | hello.len[2]);
	if (span->len > len)
		span->len = len;
	return hello.type;
}

/* Whether the record was written. capacity is a constant at every call. */
static __always_inline int emit_handshake(const struct tlscope_handshake *head,
					  const struct span *span, const __u32 capacity)
{
	struct tlscope_handshake *record;
	__u32 len = span->len < capacity ? span->len : capacity;

	record = bpf_ringbuf_reserve(&events, sizeof(*record) + capacity, 0);
	if (!record) {
		count(TLSCOPE_COUNT_RING_FULL_META, 0);
		return 0;
	}
	*record = *head;
	fill_header(&record->header, TLSCOPE_RECORD_HANDSHAKE, sizeof(*record) + len);
	record->len = len;
	/* The compiler knows that it is less, the verifier of older kernels has to see it. */
	barrier_var(len);
	if (len > capacity || bpf_probe_read_user(record->bytes, len, (const void *)span->at)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		count(TLSCOPE_COUNT_FAULT, 0);
		return 0;
	}
	submit(record);
	return 1;
}

/*
 * The SSL object that a hello on sk is of, as far as it is certain: that of the call which it
 * passes in, or the one whose handshake the thread has begun, if it was given that socket.
 */
static __always_inline __u64 greeter_of(const struct thread *thread, const struct call *call,
					struct sock *sk, int fd, __u8 direction)
{
	struct stream_key key = stream_key_of(thread, thread->greeting);
	struct stream *stream;

	if (call)
		return call->ssl;
	stream = key.ssl ? bpf_map_lookup_elem(&streams, &key) : NULL;
	if (!stream || (stream->sock != (__u64)sk && (fd < 0 || stream->fd[direction & 1] != fd)))
		return 0;
	return key.ssl;
}

/* The thread moves span through sk. call is the SSL call it does so in, NULL when in none. */
static __always_inline void tell_hello(const struct thread *thread, const struct call *call,
				       struct sock *sk, struct span span, __u8 direction)
{
	struct tlscope_handshake head = {};
	struct tls_socket *socket;
	struct stream_key key;
	struct stream *stream;
	__u8 type = find_hello(&span);
	__u32 told = 1U << (type & 7);
	int done;

	if (!type)
		return;
	socket = get_socket(sk);
	if (!socket || (socket->hellos & told) || !port_wanted(&socket->tuple))
		return;
	head.fd = fd_of_syscall(sk);
	key = stream_key_of(thread, greeter_of(thread, call, sk, head.fd, direction));
	stream = key.ssl ? bpf_map_lookup_elem(&streams, &key) : NULL;
	if (call && !stream)
		return; /* bind_call could not make it, and counted that */
	if (stream) {
		head.ssl = key.ssl;
		head.ssl_generation = stream->generation;
	}
	head.sock = (__u64)sk;
	head.sock_generation = socket->generation;
	head.tuple = socket->tuple;
	head.kind = type;
	head.direction = direction;
	if (span.len <= 1024)
		done = emit_handshake(&head, &span, 1024);
	else
		done = emit_handshake(&head, &span, TLSCOPE_HANDSHAKE_MAX);
	if (done)
		socket->hellos |= told;
}

/* Tells of the protocol that stream->alpn names. */
static __always_inline void emit_alpn(const struct stream_key *key, struct stream *stream)
{
	struct tlscope_handshake head = {.kind = TLSCOPE_ALPN};
	struct span span = {.at = stream->alpn, .len = stream->alpn_len};

	stream->alpn_len = 0;
	if (stream->sock && !port_wanted(&stream->tuple))
		return;
	head.ssl = key->ssl;
	head.ssl_generation = stream->generation;
	head.sock = stream->sock;
	head.sock_generation = stream->sock_generation;
	head.tuple = stream->tuple;
	head.fd = stream->fd[TLSCOPE_READ];
	stream->alpn_told = emit_handshake(&head, &span, 256);
}

/*
 * SSL_get0_alpn_selected has filled what call->buf and call->moved point to. Where the socket is
 * not known yet, it is told with the first data, which shows the socket.
 */
static __always_inline void tell_alpn(const struct thread *thread, const struct ended_call *call)
{
	struct stream_key key = stream_key_of(thread, call->ssl);
	struct stream *stream = get_stream(&key);
	__u64 at = 0;
	__u32 len = 0;

	if (!stream) {
		count(TLSCOPE_COUNT_MAP_FULL, 0);
		return;
	}
	if (stream->alpn_told)
		return;
	if (bpf_probe_read_user(&at, sizeof(at), (const void *)call->buf) ||
	    bpf_probe_read_user(&len, sizeof(len), (const void *)call->moved)) {
		count(TLSCOPE_COUNT_FAULT, 0);
		return;
	}
	if (len == 0 || len > ALPN_MAX)
		return;
	stream->alpn = at;
	stream->alpn_len = len;
	bind_by_fd(stream, &key, TLSCOPE_READ);
	if (stream->sock)
		emit_alpn(&key, stream);
}

#endif /* TLSCOPE_HANDSHAKE_BPF_H */
