/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* OpenSSL's functions that make a connection, and that tell what both ends agreed to. */
#ifndef TLSCOPE_PROGRAMS_OPENSSL_HANDSHAKE_BPF_H
#define TLSCOPE_PROGRAMS_OPENSSL_HANDSHAKE_BPF_H

#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/own_stack.bpf.h"
#include "bpf/handshake.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tls_calls.bpf.h"
#include "bpf/tlscope_abi.h"

/*
 * int SSL_do_handshake(SSL *ssl), which SSL_connect and SSL_accept call. It leaves by a jump to the
 * method's own function, so that its end is not seen: what belongs to it is known by its content.
 */
SEC("uprobe")
int handshake_enter(struct pt_regs *ctx)
{
	struct thread *thread;
	struct stream_key key;
	struct stream *stream;

	if (!ssl_argument(ctx, &thread, &key))
		return 0;
	stream = bpf_map_lookup_elem(&streams, &key);
	thread->greeting = key.ssl;
	/* Until a socket call is seen inside of a call on the object. */
	if (!stream || (!stream->sock && stream->fd[TLSCOPE_READ] < 0))
		thread->has_memory_bio = 1;
	return 0;
}

/* void SSL_get0_alpn_selected(const SSL *ssl, const unsigned char **data, unsigned int *len) */
SEC("uprobe")
int alpn_enter(struct pt_regs *ctx)
{
	struct call *call = begin_call(ctx, PT_REGS_PARM1(ctx), TLSCOPE_READ, PT_REGS_PARM3(ctx));

	if (!call)
		return 0;
	call->buf = PT_REGS_PARM2(ctx);
	return 0;
}

/* Programs that speak more than one protocol ask once the handshake is done. */
SEC("uprobe")
int alpn_exit(struct pt_regs *ctx)
{
	struct ended_call call;
	struct thread *thread;

	thread = end_call(ctx, &call);
	if (thread)
		tell_alpn(thread, &call);
	return 0;
}

#endif /* TLSCOPE_PROGRAMS_OPENSSL_HANDSHAKE_BPF_H */
