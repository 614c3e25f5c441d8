/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system call that the current thread is in, and its arguments. */
#ifndef TLSCOPE_SYSCALLS_BPF_H
#define TLSCOPE_SYSCALLS_BPF_H

#include <asm/unistd.h>

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NUMBER(regs) BPF_PROBE_READ(regs, orig_rax)
#else
#define SYSCALL_NUMBER(regs) BPF_PROBE_READ((struct user_pt_regs *)regs, regs[8])
#endif

/* arch/x86/include/asm/page_64_types.h: the kernel's stack of a thread, but for KASAN. */
#define X86_STACK_BYTES 16384

/* Whether syscall_regs works: everywhere since 5.15, on x86 before, too. */
static __always_inline int has_syscall_regs(void)
{
#if defined(__TARGET_ARCH_x86)
	return 1;
#else
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
#endif
}

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

#if defined(__TARGET_ARCH_arm64)
	/* The first register has the result when the call is over. */
	return (int)BPF_CORE_READ((struct pt_regs___arm64 *)regs, orig_x0);
#endif
	if (bpf_probe_read_kernel(&fd, sizeof(fd), &PT_REGS_PARM1(regs)))
		return -1;
	return (int)fd;
}

#endif /* TLSCOPE_SYSCALLS_BPF_H */
