/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of sockets that carry TLS. They begin when a watched thread is first seen using them. */
#ifndef TLSCOPE_PROGRAMS_SOCKET_LIFECYCLE_BPF_H
#define TLSCOPE_PROGRAMS_SOCKET_LIFECYCLE_BPF_H

#include "bpf/base/kernel_types.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/tlscope_abi.h"

/* Tells userspace that a socket is gone; what its stream remembered of it no longer holds. */
static __always_inline void end_socket(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tls_socket *socket = bpf_map_lookup_elem(&sockets, &key);
	struct stream *stream;

	if (!socket)
		return;
	stream = bpf_map_lookup_elem(&streams, &socket->stream);
	if (stream && stream->sock == key)
		stream->sock_gone = 1;
	emit_conn(key, socket, TLSCOPE_CONN_CLOSED);
	bpf_map_delete_elem(&sockets, &key);
}

/*
 * inet_sock_set_state(const struct sock *sk, const int oldstate, const int newstate) of
 * include/trace/events/sock.h. A reset closes a socket that its process still holds and may still
 * read from what OpenSSL has buffered: as long as it has an owner it is not over. tcp_destroy_sock
 * comes for it later.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, struct sock *sk, int old_state, int new_state)
{
	if (new_state == TCP_CLOSE && !BPF_CORE_READ(sk, sk_socket))
		end_socket(sk);
	return 0;
}

/* tcp_destroy_sock(struct sock *sk) of include/trace/events/tcp.h */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(sock_destroy, struct sock *sk)
{
	end_socket(sk);
	return 0;
}

#endif /* TLSCOPE_PROGRAMS_SOCKET_LIFECYCLE_BPF_H */
