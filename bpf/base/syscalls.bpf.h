/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system call that the current thread is in, and its arguments. */
#ifndef TLSCOPE_BASE_SYSCALLS_BPF_H
#define TLSCOPE_BASE_SYSCALLS_BPF_H

#include <asm/unistd.h>

#include "bpf/base/kernel_types.bpf.h"

#define SYSCALL_NUMBER(regs) BPF_PROBE_READ(regs, orig_rax)

/* arch/x86/include/asm/page_64_types.h: the kernel's stack of a thread, but for KASAN. */
#define X86_STACK_BYTES 16384

/*
 * The registers with which the thread entered the kernel. To be believed only as far as what they
 * say is checked: before 5.15 they are looked for where x86 keeps them, at the end of the stack.
 */
static __always_inline struct pt_regs *syscall_regs(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return (struct pt_regs *)(BPF_CORE_READ(task, stack) + X86_STACK_BYTES) - 1;
}

/* The first argument of a system call that takes a descriptor; -1 when it cannot be read. */
static __always_inline int syscall_fd(struct pt_regs *regs)
{
	__u64 fd;

	if (bpf_probe_read_kernel(&fd, sizeof(fd), &PT_REGS_PARM1(regs)))
		return -1;
	return (int)fd;
}

/* User memory that a system call moves. */
struct span {
	__u64 at;
	__u64 len;
};

/* The first piece of what the running system call sends or receives; 0 when there is none to see.
 */
static __always_inline int moved_by_syscall(struct span *span)
{
	struct pt_regs *regs;
	__u64 vector = 0;
	__u64 second;
	__u64 number;

	regs = syscall_regs();
	number = SYSCALL_NUMBER(regs);
	if (bpf_probe_read_kernel(&second, sizeof(second), &PT_REGS_PARM2(regs)))
		return 0;
	switch (number) {
	case __NR_read:
	case __NR_write:
	case __NR_recvfrom:
	case __NR_sendto:
		span->at = second;
		return !bpf_probe_read_kernel(&span->len, sizeof(span->len), &PT_REGS_PARM3(regs));
	case __NR_readv:
	case __NR_writev:
		vector = second;
		break;
	case __NR_recvmsg:
	case __NR_sendmsg:
		/* struct user_msghdr of include/linux/socket.h: msg_iov is the third member. */
		if (bpf_probe_read_user(&vector, sizeof(vector), (const void *)(second + 16)))
			return 0;
		break;
	default:
		return 0;
	}
	/* struct iovec is a struct span. */
	return !bpf_probe_read_user(span, sizeof(*span), (const void *)vector);
}

#endif /* TLSCOPE_BASE_SYSCALLS_BPF_H */
