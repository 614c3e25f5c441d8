/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The socket calls of watched threads, seen in four ways. Userspace loads one of them, a strategy:
 * the first that the kernel takes.
 */
#ifndef TLSCOPE_PROGRAMS_SOCKET_CALLS_BPF_H
#define TLSCOPE_PROGRAMS_SOCKET_CALLS_BPF_H

#include "bpf/base/kernel_types.bpf.h"
#include "bpf/socket_io.bpf.h"

/* Strategy tp_btf. */

/* sock_send_length(struct sock *sk, int ret, int flags) of include/trace/events/sock.h */
SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send, struct sock *sk, int ret)
{
	see_send(sk, ret);
	return 0;
}

/* sock_recv_length(struct sock *sk, int ret, int flags) */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv, struct sock *sk, int ret)
{
	see_receive(sk, ret);
	return 0;
}

/* Strategy fentry. */

/* int tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t size) */
SEC("fentry/tcp_sendmsg")
int BPF_PROG(tcp_send_fentry, struct sock *sk)
{
	begin_send(sk);
	return 0;
}

/*
 * int tcp_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int nonblock, int flags,
 * int *addr_len) until 5.18; then without nonblock. Where the result stands depends on the number
 * of parameters; kernels with fewer than six say it by bpf_get_func_ret (5.17).
 */
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

/* Strategy kprobe. */

/* int tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t size) */
SEC("kprobe/tcp_sendmsg")
int BPF_KPROBE(tcp_send_kprobe, struct sock *sk)
{
	begin_send(sk);
	return 0;
}

/* int tcp_recvmsg(struct sock *sk, ...): its entry has the socket, its return what came. */
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

/* Strategy syscall. */

/* sys_exit(struct pt_regs *regs, long ret) of include/trace/events/syscalls.h */
SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs *regs, long ret)
{
	see_syscall(regs, ret);
	return 0;
}

#endif /* TLSCOPE_PROGRAMS_SOCKET_CALLS_BPF_H */
