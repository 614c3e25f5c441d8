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

/* A call f(ssl, buf, ...). */
static __always_inline int enter(struct pt_regs *ctx, __u8 direction, __u64 moved)
{
	struct call *call = begin_call(ctx, PT_REGS_PARM1(ctx), direction);

	if (!call)
		return 0;
	call->buf = PT_REGS_PARM2(ctx);
	call->moved = moved;
	return 0;
}

/* int SSL_read(SSL *ssl, void *buf, int num) */
SEC("uprobe")
int read_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_READ, 0);
}

/* int SSL_write(SSL *ssl, const void *buf, int num) */
SEC("uprobe")
int write_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_WRITE, 0);
}

/* int SSL_read_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes) */
SEC("uprobe")
int read_ex_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_READ, PT_REGS_PARM4(ctx));
}

/* int SSL_write_ex(SSL *ssl, const void *buf, size_t num, size_t *written) */
SEC("uprobe")
int write_ex_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_WRITE, PT_REGS_PARM4(ctx));
}

/* Bytes the call moved. int keeps the sign: <= 0 is failure; the _ex functions return 1 or 0. */
static __always_inline __u64 bytes_moved(const struct call *call, int result)
{
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
	struct thread *thread;
	struct call call;
	__u64 len;

	thread = end_call(ctx, &call);
	if (!thread)
		return 0;
	len = bytes_moved(&call, PT_REGS_RC(ctx));
	if (!len) {
		note_bio(thread, &call);
		return 0;
	}
	return deliver(thread, &call, len, use_loop);
}

/* The return of any of the four; the entry said which it is. */
SEC("uretprobe")
int ssl_io_exit(struct pt_regs *ctx)
{
	return leave(ctx, 1);
}

/* The same for kernels without bpf_loop. */
SEC("uretprobe")
int ssl_io_exit_old(struct pt_regs *ctx)
{
	return leave(ctx, 0);
}

/* ossl_ssize_t SSL_sendfile(SSL *s, int fd, off_t offset, size_t size, int flags) */
SEC("uprobe")
int sendfile_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_WRITE, 0);
}

/* The kernel took the bytes from the page cache, and no user memory ever holds them. */
SEC("uretprobe")
int sendfile_exit(struct pt_regs *ctx)
{
	__s64 sent = PT_REGS_RC(ctx);
	struct thread *thread;
	struct stream_key key;
	struct stream *stream;
	struct call call;

	thread = end_call(ctx, &call);
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
