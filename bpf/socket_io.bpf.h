/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a socket call of a watched thread tells, whichever hook of the kernel shows it. */
#ifndef TLSCOPE_SOCKET_IO_BPF_H
#define TLSCOPE_SOCKET_IO_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/syscalls.bpf.h"
#include "bpf/calls.bpf.h"
#include "bpf/handshake.bpf.h"
#include "bpf/memory_bio.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tlscope_abi.h"

/*
 * The socket of a call's SSL object is sk; layered: another SSL object is between. Once for each
 * call and socket, since a call may make many socket calls.
 */
static __always_inline void bind_call(const struct thread *thread, struct call *call,
				      struct sock *sk, __u8 layered)
{
	struct stream_key key;
	struct stream *stream;

	if (call->known_sock != (__u64)sk) {
		key = stream_key_of(thread, call->ssl);
		stream = get_stream(&key);
		if (!stream) {
			count(TLSCOPE_COUNT_MAP_FULL, 0);
			return;
		}
		bind_socket(stream, &key, sk, TLSCOPE_SOCK_NESTED);
		if (stream->sock != (__u64)sk)
			return;
		name_fd(stream, fd_of_syscall(sk));
		stream->layered = layered;
		call->known_sock = (__u64)sk;
	}
	call->state.nested = 1;
}

/* The content type of TLS records with application data (RFC 8446 5.1), and from TLS 1.3 on of most
 * others, but never of the first ones that are sent at once.
 */
#define TLS_APPLICATION_DATA 23

static __always_inline int sends_application_data(void)
{
	struct span span;
	__u8 type = 0;

	return moved_by_syscall(&span) && span.len &&
	       !bpf_probe_read_user(&type, sizeof(type), (const void *)span.at) &&
	       type == TLS_APPLICATION_DATA;
}

/* Whether what went out on sk in the call is some of its plaintext. A call may begin a handshake.
 */
static __always_inline __u8 carries_plaintext(const struct call *call, struct sock *sk, long sent)
{
	return call && sent > 0 && (!call->handshake || sends_application_data()) &&
	       sock_port_wanted(sk);
}

/*
 * A socket call on a thread that is inside SSL calls belongs to their SSL objects: to the
 * innermost, and, with TLS inside TLS, to those that speak through it. It sent so many bytes, if
 * any.
 */
static __always_inline struct call *nested_call(struct thread *thread, struct sock *sk, long sent)
{
	__u64 sp = in_calls(thread) ? syscall_sp() : 0;
	__u64 at = innermost_call(thread, sp);
	struct call *innermost;
	struct call *call;
	__u8 plaintext;

	if (!at)
		return NULL;
	innermost = find_call(at);
	plaintext = carries_plaintext(innermost, sk, sent);
	for (__u32 i = 0; i < THREAD_CALLS; i++) {
		call = call_around(thread->calls[i], sp);
		if (!call)
			continue;
		bind_call(thread, call, sk, thread->calls[i] != at);
		call->state.sent |= plaintext;
	}
	return innermost;
}

/* The thread moved up to moved bytes through sk: what do the TLS records among them tell? */
static __always_inline void see_records(struct thread *thread, const struct call *call,
					struct sock *sk, __u8 direction, long moved)
{
	struct span span;

	/* Inside a call hellos are looked for, outside the records of memory BIOs, too. */
	if (call ? !call->handshake
		 : (!thread->has_memory_bio && !thread->greeting) || socket_taken(sk))
		return;
	if (moved <= 0 || !moved_by_syscall(&span))
		return;
	if (span.len > (__u64)moved)
		span.len = moved;
	tell_hello(thread, call, sk, span, direction);
	if (call || !thread->has_memory_bio)
		return;
	if (direction == TLSCOPE_READ)
		note_received(sk, span);
	else
		bind_by_sent(thread, sk, span);
}

/* The thread sends on sk, or has sent: so much, or nothing, which an error is, too. */
static __always_inline void see_send(struct sock *sk, long sent)
{
	struct thread *thread = find_thread();

	if (!thread)
		return;
	see_records(thread, nested_call(thread, sk, sent), sk, TLSCOPE_WRITE, ~0ULL >> 1);
}

/* The same where a hook shows the socket alone, before it sends. */
static __always_inline void begin_send(struct sock *sk)
{
	see_send(sk, BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_CLOSE);
}

/* The thread has received on sk. */
static __always_inline void see_receive(struct sock *sk, long received)
{
	struct thread *thread = find_thread();

	if (!thread)
		return;
	see_records(thread, nested_call(thread, sk, 0), sk, TLSCOPE_READ, received);
}

/* The same where a hook shows the socket, and another, later, how much was received. */
static __always_inline void begin_receive(struct sock *sk)
{
	struct thread *thread = find_thread();

	if (!thread)
		return;
	thread->receiving = (__u64)sk;
}

static __always_inline void end_receive(long received)
{
	struct thread *thread = find_thread();
	struct sock *sk;

	if (!thread || !thread->receiving)
		return;
	sk = (struct sock *)thread->receiving;
	thread->receiving = 0;
	see_records(thread, nested_call(thread, sk, 0), sk, TLSCOPE_READ, received);
}

/* A system call is over. Its descriptor names the socket. */
static __always_inline void see_syscall(struct pt_regs *regs, long ret)
{
	struct thread *thread = find_thread();
	struct sock *sk;

	if (!thread || (!in_calls(thread) && !thread->has_memory_bio && !thread->greeting))
		return;
	switch (SYSCALL_NUMBER(regs)) {
	case __NR_write:
	case __NR_writev:
	case __NR_sendto:
	case __NR_sendmsg:
		sk = sock_of_fd(syscall_fd(regs));
		if (sk)
			see_send(sk, ret);
		return;
	case __NR_read:
	case __NR_readv:
	case __NR_recvfrom:
	case __NR_recvmsg:
		sk = sock_of_fd(syscall_fd(regs));
		if (sk)
			see_receive(sk, ret);
		return;
	}
}

#endif /* TLSCOPE_SOCKET_IO_BPF_H */
