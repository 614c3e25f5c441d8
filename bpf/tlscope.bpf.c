// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs, each a thin entry point: filter, look up, delegate, clean up. What they work on is
 * in the headers below, from the ring up.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tlscope_abi.h"
#include "kernel_types.bpf.h"
#include "own_stack.bpf.h"
#include "generation.bpf.h"
#include "counters.bpf.h"
#include "ring.bpf.h"
#include "filters.bpf.h"
#include "calls.bpf.h"
#include "syscalls.bpf.h"
#include "sockets.bpf.h"
#include "streams.bpf.h"
#include "handshake.bpf.h"
#include "memory_bio.bpf.h"
#include "socket_calls.bpf.h"
#include "payload.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int enter(struct pt_regs *ctx, __u8 direction, __u64 moved)
{
	struct thread *thread;
	struct stream *stream;
	struct call *call;
	struct stream_key key;

	keep_own_stack(ctx);
	if (process_excluded())
		return 0;
	if (!process_wanted()) {
		count(TLSCOPE_COUNT_FILTERED, 0);
		return 0;
	}
	thread = get_thread();
	if (!thread)
		return 0; /* the return finds no call and counts it */
	call = push_call(thread, PT_REGS_SP(ctx));
	if (!call)
		return 0;
	key = stream_key_of(thread, PT_REGS_PARM1(ctx));
	stream = bpf_map_lookup_elem(&streams, &key);
	call->sp = PT_REGS_SP(ctx);
	call->ssl = PT_REGS_PARM1(ctx);
	call->buf = PT_REGS_PARM2(ctx);
	call->moved = moved;
	call->direction = direction;
	call->nested = 0;
	call->handshake = !stream || !(stream->bytes[TLSCOPE_READ] | stream->bytes[TLSCOPE_WRITE]);
	call->known_sock = 0;
	/* A descriptor says where the data should go; only a call seen on the socket says it did.
	 */
	if (stream && !stream->sock_gone && !stream->layered &&
	    stream->tuple.provenance != TLSCOPE_SOCK_SET_FD)
		call->known_sock = stream->sock;
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

static __always_inline void fill_head(struct tlscope_ssl_data *head, const struct call *call,
				      const struct stream *stream, __u64 len)
{
	fill_header(&head->header, TLSCOPE_RECORD_SSL_DATA, sizeof(*head));
	head->ssl = call->ssl;
	head->ssl_generation = stream->generation;
	head->sock = stream->sock;
	head->sock_generation = stream->sock_generation;
	head->stream_offset = stream->bytes[call->direction & 1];
	head->total_len = len;
	head->fd = stream->fd[call->direction & 1];
	head->direction = call->direction;
	head->tuple = stream->tuple;
	if (stream->sock && !call->nested && stream->tuple.provenance == TLSCOPE_SOCK_NESTED)
		head->tuple.provenance = TLSCOPE_SOCK_CACHED;
}

/* Whether a call that moved nothing shows that its SSL object touches no socket. */
static __always_inline void note_bio(struct thread *thread, const struct call *call)
{
	struct stream_key key = stream_key_of(thread, call->ssl);
	struct stream *stream;

	if (thread->has_memory_bio || call->nested)
		return;
	stream = bpf_map_lookup_elem(&streams, &key);
	if (!stream || (!stream->sock && stream->fd[call->direction & 1] < 0))
		thread->has_memory_bio = 1;
}

/* For a call inside of which no socket was seen. Whether one may be found when the call's record is
 * sent.
 */
static __always_inline int find_socket(struct thread *thread, struct stream *stream,
				       const struct stream_key *key, const struct call *call,
				       __u64 len)
{
	if (stream->sock)
		return 0;
	bind_by_fd(stream, key, call->direction);
	if (stream->sock)
		return 0;
	thread->has_memory_bio = 1;
	if (call->direction == TLSCOPE_WRITE)
		return note_written(key->ssl, len);
	bind_by_received(stream, key, len);
	return 0;
}

static __always_inline int leave(struct pt_regs *ctx, const int use_loop)
{
	struct emission emission = {};
	struct stream_key key;
	struct stream *stream;
	struct thread *thread;
	struct call call;
	__u64 len;

	keep_own_stack(ctx);
	if (process_excluded())
		return 0;
	thread = find_thread();
	if (!thread || !take_call(thread, PT_REGS_SP(ctx) - RETURN_POP, &call)) {
		if (!filters_in_use() || process_wanted())
			count(TLSCOPE_COUNT_NO_CALL, 0);
		return 0;
	}
	len = bytes_moved(&call, PT_REGS_RC(ctx));
	if (!len) {
		note_bio(thread, &call);
		return 0;
	}
	key = stream_key_of(thread, call.ssl);
	stream = get_stream(&key);
	if (!stream) {
		count(TLSCOPE_COUNT_SEEN, len);
		count(TLSCOPE_COUNT_MAP_FULL, len);
		return 0;
	}
	emission.head.socket_pending = find_socket(thread, stream, &key, &call, len);
	fill_head(&emission.head, &call, stream, len);
	emission.buf = call.buf;
	/* Before any decision to drop, so that userspace sees every gap. */
	__sync_fetch_and_add(&stream->bytes[call.direction & 1], len);
	if (!emission.head.socket_pending && !port_wanted(&stream->tuple)) {
		count(TLSCOPE_COUNT_FILTERED, len);
		return 0;
	}
	emit_payload(&emission, use_loop);
	return 0;
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

/* int SSL_do_handshake(SSL *ssl), which SSL_connect and SSL_accept call */
SEC("uprobe")
int handshake_enter(struct pt_regs *ctx)
{
	return enter(ctx, TLSCOPE_READ, 0);
}

/* A handshake moves no plaintext, but shows where the SSL object reads and writes. */
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
	return enter(ctx, TLSCOPE_READ, PT_REGS_PARM3(ctx));
}

/* Programs that speak more than one protocol ask once the handshake is done. */
SEC("uretprobe")
int alpn_exit(struct pt_regs *ctx)
{
	struct thread *thread = find_thread();
	struct call call;

	keep_own_stack(ctx);
	if (thread && take_call(thread, PT_REGS_SP(ctx) - RETURN_POP, &call))
		tell_alpn(thread, &call);
	return 0;
}

/* Which SSL object a function was given; 0 when its process is not watched. */
static __always_inline int ssl_argument(struct pt_regs *ctx, struct stream_key *key)
{
	struct thread *thread;

	if (!process_wanted())
		return 0;
	thread = get_thread();
	if (!thread)
		return 0;
	*key = stream_key_of(thread, PT_REGS_PARM1(ctx));
	return 1;
}

static __always_inline int set_fd(struct pt_regs *ctx, int reads, int writes)
{
	int fd = (int)PT_REGS_PARM2(ctx);
	struct stream_key key;
	struct stream *stream;

	keep_own_stack(ctx);
	if (!ssl_argument(ctx, &key))
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
	/* A new descriptor is a new socket; what an earlier one was says nothing of it. */
	stream->sock = 0;
	stream->sock_generation = 0;
	stream->alpn_told = 0;
	__builtin_memset(&stream->tuple, 0, sizeof(stream->tuple));
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
	struct stream_key key;
	struct stream *stream;

	keep_own_stack(ctx);
	if (!ssl_argument(ctx, &key))
		return 0;
	stream = get_stream(&key);
	if (stream)
		__sync_fetch_and_add(&stream->extra_refs, 1);
	return 0;
}

static __always_inline void emit_end(const struct stream_key *key, const struct stream *stream)
{
	struct tlscope_ssl_end *record;

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

/* void SSL_free(SSL *ssl): drops a reference, and frees with the last one. */
SEC("uprobe")
int free_enter(struct pt_regs *ctx)
{
	struct stream_key key;
	struct stream *stream;

	keep_own_stack(ctx);
	if (!ssl_argument(ctx, &key))
		return 0;
	stream = bpf_map_lookup_elem(&streams, &key);
	if (!stream)
		return 0;
	if (stream->extra_refs) {
		__sync_fetch_and_add(&stream->extra_refs, -1);
		return 0;
	}
	if (stream->bytes[TLSCOPE_READ] || stream->bytes[TLSCOPE_WRITE])
		emit_end(&key, stream);
	if (!bpf_map_delete_elem(&streams, &key))
		count(TLSCOPE_COUNT_STREAMS_ENDED, 0);
	return 0;
}

/*
 * int SSL_clear(SSL *ssl): the object begins anew, for another connection. Its descriptors and
 * references stay.
 */
SEC("uprobe")
int clear_enter(struct pt_regs *ctx)
{
	struct stream_key key;
	struct stream *stream;
	struct stream fresh = {};

	keep_own_stack(ctx);
	if (!ssl_argument(ctx, &key))
		return 0;
	stream = bpf_map_lookup_elem(&streams, &key);
	if (!stream)
		return 0;
	if (stream->bytes[TLSCOPE_READ] || stream->bytes[TLSCOPE_WRITE])
		emit_end(&key, stream);
	fresh.generation = next_generation();
	fresh.fd[TLSCOPE_READ] = stream->fd[TLSCOPE_READ];
	fresh.fd[TLSCOPE_WRITE] = stream->fd[TLSCOPE_WRITE];
	fresh.extra_refs = stream->extra_refs;
	bpf_map_update_elem(&streams, &key, &fresh, BPF_ANY);
	return 0;
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
	struct thread *thread = find_thread();
	__s64 sent = PT_REGS_RC(ctx);
	struct stream_key key;
	struct stream *stream;
	struct call call;

	keep_own_stack(ctx);
	if (!thread || !take_call(thread, PT_REGS_SP(ctx) - RETURN_POP, &call) || sent <= 0)
		return 0;
	key = stream_key_of(thread, call.ssl);
	stream = get_stream(&key);
	if (stream) {
		bind_by_fd(stream, &key, TLSCOPE_WRITE);
		__sync_fetch_and_add(&stream->bytes[TLSCOPE_WRITE], sent);
		if (!port_wanted(&stream->tuple)) {
			count(TLSCOPE_COUNT_FILTERED, sent);
			return 0;
		}
	}
	count(TLSCOPE_COUNT_SEEN, sent);
	count(TLSCOPE_COUNT_SENDFILE, sent);
	return 0;
}

/*
 * The socket calls of watched threads. Userspace loads one of the four groups that follow, the
 * first that the kernel takes.
 */
SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send, struct sock *sk)
{
	see_send(sk);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv, struct sock *sk, int ret)
{
	see_receive(sk, ret);
	return 0;
}

/* int tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t size) */
SEC("fentry/tcp_sendmsg")
int BPF_PROG(tcp_send_fentry, struct sock *sk)
{
	see_send(sk);
	return 0;
}

/* int tcp_recvmsg(struct sock *sk, struct msghdr *msg, ...): 6 parameters until 5.18, then fewer */
SEC("fexit/tcp_recvmsg")
int tcp_recv_fexit(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	__u64 ret = 0;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_func_ret))
		bpf_get_func_ret(ctx, &ret);
	else
		ret = ctx[6];
	see_receive(sk, (int)ret);
	return 0;
}

SEC("kprobe/tcp_sendmsg")
int BPF_KPROBE(tcp_send_kprobe, struct sock *sk)
{
	see_send(sk);
	return 0;
}

/* The call, for its socket, and the return, for what it brought. */
SEC("kprobe/tcp_recvmsg")
int BPF_KPROBE(tcp_recv_kprobe, struct sock *sk)
{
	begin_receive(sk);
	return 0;
}

SEC("kretprobe/tcp_recvmsg")
int BPF_KRETPROBE(tcp_recv_kret, int ret)
{
	end_receive(ret);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs *regs, long ret)
{
	see_syscall(regs, ret);
	return 0;
}

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
 * A reset closes a socket that its process still holds and may still read from what OpenSSL has
 * buffered: as long as it has an owner it is not over. tcp_destroy_sock comes for it later.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, struct sock *sk, int old_state, int new_state)
{
	if (new_state == TCP_CLOSE && !BPF_CORE_READ(sk, sk_socket))
		end_socket(sk);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(sock_destroy, struct sock *sk)
{
	end_socket(sk);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(thread_exit)
{
	__u64 id = bpf_get_current_pid_tgid();

	end_thread(id);
	end_ledger(id);
	if (filter_by_pid)
		forget_process();
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (filter_by_pid)
		follow_child(parent, child);
	return 0;
}

/* exec ends every call the process was in; the thread may have been another before (old_pid). */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 old_id = (id & ~0xffffffffULL) | (__u32)old_pid;

	end_thread(id);
	if (old_id != id)
		end_thread(old_id);
	return 0;
}
