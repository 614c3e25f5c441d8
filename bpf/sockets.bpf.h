/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The TCP sockets that carry TLS: who they are, and telling userspace when they come and go. */
#ifndef TLSCOPE_SOCKETS_BPF_H
#define TLSCOPE_SOCKETS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/generation.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/pid_namespace.bpf.h"
#include "bpf/base/ring.bpf.h"
#include "bpf/base/syscalls.bpf.h"
#include "bpf/filters.bpf.h"
#include "bpf/tlscope_abi.h"

struct stream_key {
	__u64 ssl;
	__u32 tgid;
	__u32 incarnation;
};

/* What a call moved whose beginning was not seen, as long as it is not told. */
struct missed {
	__u32 len; /* 0: not known */
	__u8 any;
	__u8 pad[3];
};

struct tls_socket {
	__u64 generation; /* tells apart sockets at one address */
	__u32 hellos; /* told to userspace: bits by type */
	__u32 tgid; /* who was seen using it */
	__u32 tid;
	__u8 comm[TLSCOPE_COMM_LEN];
	struct tlscope_tuple tuple;
	struct stream_key stream; /* the last stream bound to it */
	struct missed missed[TLSCOPE_DIRECTIONS]; /* of the next stream bound to it */
};

/* Not LRU: a socket leaves when the kernel destroys it, so entries cannot leak. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64); /* struct sock * */
	__type(value, struct tls_socket);
} sockets SEC(".maps");

static __always_inline void read_tuple(struct sock *sk, struct tlscope_tuple *tuple)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	tuple->family = family;
	tuple->sport = BPF_CORE_READ(sk, __sk_common.skc_num);
	tuple->dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (family == TLSCOPE_AF_INET6) {
		BPF_CORE_READ_INTO(&tuple->saddr, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&tuple->daddr, sk, __sk_common.skc_v6_daddr);
	} else {
		__be32 saddr = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		__be32 daddr = BPF_CORE_READ(sk, __sk_common.skc_daddr);

		__builtin_memcpy(tuple->saddr, &saddr, sizeof(saddr));
		__builtin_memcpy(tuple->daddr, &daddr, sizeof(daddr));
	}
}

static __always_inline int is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family != TLSCOPE_AF_INET && family != TLSCOPE_AF_INET6)
		return 0;
	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

/* A record about a socket, in the name of the process that used it. */
static __always_inline void emit_conn(__u64 sk, const struct tls_socket *socket, __u8 state)
{
	struct tlscope_conn_data *record;

	if (!port_wanted(&socket->tuple))
		return;
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count(TLSCOPE_COUNT_RING_FULL_META, 0);
		return;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->header.type = TLSCOPE_RECORD_CONN;
	record->header.version = TLSCOPE_ABI_VERSION;
	record->header.size = sizeof(*record);
	record->header.ktime_ns = bpf_ktime_get_ns();
	record->header.tgid = socket->tgid;
	record->header.tid = socket->tid;
	__builtin_memcpy(record->header.comm, socket->comm, sizeof(record->header.comm));
	record->sock = sk;
	record->sock_generation = socket->generation;
	record->tuple = socket->tuple;
	record->state = state;
	submit(record);
}

/* The entry of a live TCP socket, made on first sight; NULL when it is no TCP or no room is left.
 */
static __always_inline struct tls_socket *get_socket(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tls_socket *socket = bpf_map_lookup_elem(&sockets, &key);
	struct tls_socket fresh = {};
	__u64 pid_tgid;

	if (socket)
		return socket;
	if (!is_tcp(sk))
		return NULL;
	fresh.generation = next_generation();
	pid_tgid = visible_pid_tgid();
	fresh.tgid = pid_tgid >> 32;
	fresh.tid = (__u32)pid_tgid;
	bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
	read_tuple(sk, &fresh.tuple);
	if (fresh.tuple.dport == 0)
		return NULL; /* not connected yet: asked again at the next call */
	if (bpf_map_update_elem(&sockets, &key, &fresh, BPF_NOEXIST)) {
		count(TLSCOPE_COUNT_MAP_FULL, 0);
		return NULL;
	}
	emit_conn(key, &fresh, TLSCOPE_CONN_OPENED);
	return bpf_map_lookup_elem(&sockets, &key);
}

/* As far as its ends are known. */
static __always_inline int sock_port_wanted(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tls_socket *socket;

	if (!filter_by_port)
		return 1;
	socket = bpf_map_lookup_elem(&sockets, &key);
	return socket && port_wanted(&socket->tuple);
}

/* The socket behind a descriptor of the current process, NULL when it is none. */
static __always_inline struct sock *sock_of_fd(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots = BPF_CORE_READ(table, fd);
	struct socket *socket;
	struct file *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	if (bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]) || !file)
		return NULL;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* The descriptor the running system call was given, if it is sk's; else -1. */
static __always_inline int fd_of_syscall(struct sock *sk)
{
	int fd;

	fd = syscall_fd(syscall_regs());
	return sock_of_fd(fd) == sk ? fd : -1;
}

#endif /* TLSCOPE_SOCKETS_BPF_H */
