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

/* int SSL_do_handshake(SSL *ssl), which SSL_connect and SSL_accept call */
SEC("uprobe")
int handshake_enter(struct pt_regs *ctx)
{
	struct call *call = begin_call(ctx, PT_REGS_PARM1(ctx), TLSCOPE_READ);

	if (!call)
		return 0;
	call->buf = 0;
	call->moved = 0;
	return 0;
}

/*
 * A handshake moves no plaintext, but shows where the SSL object reads and writes. One that was
 * under way when the programs were attached is nothing lost, and not counted.
 */
SEC("uretprobe")
int handshake_exit(struct pt_regs *ctx)
{
	struct thread *thread = find_thread();
	struct call call;

	keep_own_stack(ctx);
	if (thread && take_call(thread, PT_REGS_SP(ctx) - RETURN_POP, &call))
		note_bio(thread, &call);
	return 0;
}

/* void SSL_get0_alpn_selected(const SSL *ssl, const unsigned char **data, unsigned int *len) */
SEC("uprobe")
int alpn_enter(struct pt_regs *ctx)
{
	struct call *call = begin_call(ctx, PT_REGS_PARM1(ctx), TLSCOPE_READ);

	if (!call)
		return 0;
	call->buf = PT_REGS_PARM2(ctx);
	call->moved = PT_REGS_PARM3(ctx);
	return 0;
}

/* Programs that speak more than one protocol ask once the handshake is done. */
SEC("uretprobe")
int alpn_exit(struct pt_regs *ctx)
{
	struct thread *thread;
	struct call call;

	thread = end_call(ctx, &call);
	if (thread)
		tell_alpn(thread, &call);
	return 0;
}

#endif /* TLSCOPE_PROGRAMS_OPENSSL_HANDSHAKE_BPF_H */
