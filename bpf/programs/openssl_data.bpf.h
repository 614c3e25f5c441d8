/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * OpenSSL's functions that move plaintext, and BoringSSL's of the same names. Where SSL_read and
 * SSL_read_ex share an inner function, ssl_read_internal, with the arguments of the latter, the
 * programs of the latter are attached there alone; the same with SSL_write.
 */
#ifndef TLSCOPE_PROGRAMS_OPENSSL_DATA_BPF_H
#define TLSCOPE_PROGRAMS_OPENSSL_DATA_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/filters.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tls_calls.bpf.h"
#include "bpf/tlscope_abi.h"

/* A call f(ssl, buf, len, ...). */
static __always_inline int enter(struct pt_regs *ctx, __u8 direction, __u64 len, __u64 moved)
{
	struct call *call = begin_call(ctx, PT_REGS_PARM1(ctx), direction, moved);

	if (!call)
		return 0;
	call->buf = PT_REGS_PARM2(ctx);
	/* A write that is tried again is counted with its stream. */
	call->state.len = call->tried_before ? 0 : len;
	return 0;
}

/* A negative number is refused by the function. */
static __always_inline __u64 int_len(struct pt_regs *ctx)
{
	int num = (int)PT_REGS_PARM3(ctx);

	return num > 0 ? num : 0;
}

/* int SSL_read(SSL *ssl, void *buf, int num) */
SEC("uprobe")
int read_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_READ, int_len(ctx), 0);
}

/* int SSL_write(SSL *ssl, const void *buf, int num) */
SEC("uprobe")
int write_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_WRITE, int_len(ctx), 0);
}

/* int SSL_read_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes) */
SEC("uprobe")
int read_ex_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_READ, PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx));
}

/* int SSL_write_ex(SSL *ssl, const void *buf, size_t num, size_t *written) */
SEC("uprobe")
int write_ex_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_WRITE, PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx));
}

/* int SSL_write_ex2(SSL *s, const void *buf, size_t num, uint64_t flags, size_t *written) */
SEC("uprobe")
int write_ex2_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_WRITE, PT_REGS_PARM3(ctx), PT_REGS_PARM5(ctx));
}

/* Bytes the call moved. int keeps the sign: <= 0 is failure; the _ex functions return 1 or 0. */
static __always_inline __u64 bytes_moved(const struct ended_call *call)
{
	int result = (int)call->result;
	__u64 moved = 0;

	if (result <= 0)
		return 0;
	if (!call->moved)
		return result;
	if (bpf_probe_read_user(&moved, sizeof(moved), (const void *)call->moved))
		count(TLSCOPE_COUNT_FAULT, 0);
	return moved;
}

static __always_inline int leave(struct pt_regs *ctx, const int use_loop)
{
	struct ended_call call;
	struct thread *thread;
	__u64 len;

	thread = end_call(ctx, &call);
	if (!thread)
		return 0;
	len = bytes_moved(&call);
	if (!len) {
		note_failure(thread, &call);
		return 0;
	}
	return deliver(thread, &call, len, use_loop);
}

/* The end of any of the five; the beginning said which it is. */
SEC("uprobe")
int ssl_io_exit(struct pt_regs *ctx)
{
	return leave(ctx, 1);
}

/* The same for kernels without bpf_loop. */
SEC("uprobe")
int ssl_io_exit_old(struct pt_regs *ctx)
{
	return leave(ctx, 0);
}

/* ossl_ssize_t SSL_sendfile(SSL *s, int fd, off_t offset, size_t size, int flags) */
SEC("uprobe")
int sendfile_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_WRITE, 0, 0);
}

/* The kernel took the bytes from the page cache, and no user memory ever holds them. */
SEC("uprobe")
int sendfile_exit(struct pt_regs *ctx)
{
	struct ended_call call;
	struct thread *thread;
	struct stream_key key;
	struct stream *stream;
	__s64 sent;

	thread = end_call(ctx, &call);
	sent = call.result;
	if (!thread || sent <= 0)
		return 0;
	key = stream_key_of(thread, call.ssl);
	stream = get_stream(&key);
	if (!stream) {
		count(TLSCOPE_COUNT_SEEN, sent);
		count(TLSCOPE_COUNT_MAP_FULL, sent);
		return 0;
	}
	bind_by_fd(stream, &key, TLSCOPE_WRITE);
	__sync_fetch_and_add(&stream->bytes[TLSCOPE_WRITE], sent);
	if (!port_wanted(&stream->tuple)) {
		count(TLSCOPE_COUNT_FILTERED, sent);
		return 0;
	}
	count(TLSCOPE_COUNT_SEEN, sent);
	count(TLSCOPE_COUNT_SENDFILE, sent);
	return 0;
}

#endif /* TLSCOPE_PROGRAMS_OPENSSL_DATA_BPF_H */
