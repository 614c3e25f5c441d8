/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* OpenSSL's functions that change an SSL object: its descriptors, its references, its end. */
#ifndef TLSCOPE_PROGRAMS_OPENSSL_OBJECTS_BPF_H
#define TLSCOPE_PROGRAMS_OPENSSL_OBJECTS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tls_calls.bpf.h"
#include "bpf/tlscope_abi.h"

static __always_inline int set_fd(struct pt_regs *ctx, int reads, int writes)
{
	int fd = (int)PT_REGS_PARM2(ctx);
	struct thread *thread;
	struct stream_key key;
	struct stream *stream;

	if (!ssl_argument(ctx, &thread, &key))
		return 0;
	stream = get_stream(&key);
	if (!stream) {
		count(TLSCOPE_COUNT_MAP_FULL, 0);
		return 0;
	}
	if (reads)
		stream->fd[TLSCOPE_READ] = fd;
	if (writes)
		stream->fd[TLSCOPE_WRITE] = fd;
	forget_socket(stream);
	return 0;
}

/* int SSL_set_fd(SSL *ssl, int fd) */
SEC("uprobe")
int set_fd_enter(struct pt_regs *ctx)
{
	return set_fd(ctx, 1, 1);
}

/* int SSL_set_rfd(SSL *ssl, int fd) */
SEC("uprobe")
int set_rfd_enter(struct pt_regs *ctx)
{
	return set_fd(ctx, 1, 0);
}

/* int SSL_set_wfd(SSL *ssl, int fd) */
SEC("uprobe")
int set_wfd_enter(struct pt_regs *ctx)
{
	return set_fd(ctx, 0, 1);
}

/* int SSL_up_ref(SSL *s) */
SEC("uprobe")
int up_ref_enter(struct pt_regs *ctx)
{
	struct thread *thread;
	struct stream_key key;
	struct stream *stream;

	if (!ssl_argument(ctx, &thread, &key))
		return 0;
	stream = get_stream(&key);
	if (!stream) {
		count(TLSCOPE_COUNT_MAP_FULL, 0);
		return 0;
	}
	__sync_fetch_and_add(&stream->extra_refs, 1);
	return 0;
}

/* void SSL_free(SSL *ssl): drops a reference, and frees with the last one. */
SEC("uprobe")
int free_enter(struct pt_regs *ctx)
{
	struct thread *thread;
	struct stream_key key;
	struct stream *stream;

	if (!ssl_argument(ctx, &thread, &key))
		return 0;
	stream = bpf_map_lookup_elem(&streams, &key);
	if (!stream)
		return 0;
	if (stream->extra_refs) {
		__sync_fetch_and_add(&stream->extra_refs, -1);
		return 0;
	}
	end_stream(&key, stream);
	return 0;
}

/*
 * int SSL_clear(SSL *ssl): the object begins anew, for another connection. Its descriptors and
 * references stay.
 */
SEC("uprobe")
int clear_enter(struct pt_regs *ctx)
{
	struct thread *thread;
	struct stream_key key;
	struct stream *stream;

	if (!ssl_argument(ctx, &thread, &key))
		return 0;
	stream = bpf_map_lookup_elem(&streams, &key);
	if (stream)
		restart_stream(&key, stream);
	return 0;
}

#endif /* TLSCOPE_PROGRAMS_OPENSSL_OBJECTS_BPF_H */
