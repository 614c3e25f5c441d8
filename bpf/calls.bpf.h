/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The calls of TLS functions that have begun and not ended. A call is known by its process and by
 * the stack pointer at its function's entry, never by its place among others: stacks are switched,
 * unwound and moved to other threads, so that calls end in any order, on any thread, or not at all.
 *
 *     higher addresses
 *       | caller's frame         |
 *       | return address         | <-- sp: the call's name, from begin to end
 *       | frame of SSL_read      |     what is called inside of it has a lower stack pointer
 *       v
 *
 * Two calls meet at one stack pointer where an exception, a longjmp or a cancelled thread left the
 * first, or where green threads copy their stacks away (greenlet). The second takes the place and
 * is marked as mixed: its end is believed only where the object, or all of what the caller had in
 * the registers that functions give back and on the stack, says that it is its own. So are those
 * that begin there afterwards, until an end has come that was refused: that of the first. A caller
 * whose words have changed meanwhile loses a call by that; it never gets another's bytes.
 */
#ifndef TLSCOPE_CALLS_BPF_H
#define TLSCOPE_CALLS_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/syscalls.bpf.h"
#include "bpf/points.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tlscope_abi.h"

/*
 * Frames this far apart lie on different stacks (coroutines, signal stacks): no conclusion. Stacks
 * of coroutines lie side by side, so it is less than the 32 KiB that small ones have, and more than
 * OpenSSL and a program's callback take, a buffer of a TLS record (16 KiB) included.
 */
#define STACK_WINDOW (24 << 10)

/* What tells callers apart that call from one place. */
struct caller {
	struct kept_registers kept;
	__u64 words; /* of its frame, added up */
};

struct call_key {
	__u64 sp;
	__u32 tgid;
	__u32 pad;
};

struct call {
	struct tlscope_call_state state;
	__u64 ssl; /* SSL *, or what another library has in its place */
	__u64 buf; /* user address of the plaintext */
	__u64 moved; /* user address of the size_t that says how much moved; 0: the result does */
	__u64 known_sock; /* struct sock * the stream is bound to; a socket call elsewhere rebinds
			     it */
	__u64 return_address; /* the word at the stack pointer, as long as the call lasts */
	__u64 began_ns; /* CLOCK_MONOTONIC */
	struct caller caller; /* of a mixed call */
	__u32 incarnation; /* of the process */
	__u8 handshake; /* no plaintext has passed yet: see handshake.bpf.h */
	__u8 tried_before; /* a write that failed after it had sent something */
	__u8 displaced; /* of the calls whose place others took, those whose end may yet come */
	__u8 pad;
	__u32 tid; /* the thread that began it */
	__u32 pad_at_end;
};

/* What is left of a call that has ended. */
struct ended_call {
	__u64 ssl;
	__u64 buf;
	__u64 moved; /* as in struct call */
	__u64 len; /* bytes the caller asked to move */
	__u64 began_ns;
	__u64 result; /* of the function */
	__u8 direction;
	__u8 nested; /* a socket call was seen inside */
	__u8 sent; /* as in struct tlscope_call_state */
	__u8 out_of_sight; /* its thread was not known to be in it: nor are its socket calls */
	__u8 pad[4];
};

/*
 * A call that ended stays, to be begun anew: a thread calls at few stack pointers, and a new entry
 * costs ten times a look.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline struct call *find_call(__u64 sp)
{
	struct call_key key = {.sp = sp, .tgid = bpf_get_current_pid_tgid() >> 32};

	return bpf_map_lookup_elem(&calls, &key);
}

static __always_inline struct call *get_call(__u64 sp)
{
	struct call_key key = {.sp = sp, .tgid = bpf_get_current_pid_tgid() >> 32};
	struct call *call = bpf_map_lookup_elem(&calls, &key);
	struct call fresh = {};

	if (call)
		return call;
	bpf_map_update_elem(&calls, &key, &fresh, BPF_ANY);
	return bpf_map_lookup_elem(&calls, &key);
}

/*
 * What stands for a return address while another tool has a return probe on the function: the last
 * page of user space (xol_add_vma and uprobe_get_trampoline_vaddr of kernel/events/uprobes.c).
 */
#define RETURN_TRAMPOLINE 0x7fffffffe000ULL

/* Whether the frame of a call that has not been seen to end is still there. */
static __always_inline int frame_stands(const struct call *call, __u64 sp)
{
	__u64 word = 0;

	return !bpf_probe_read_user(&word, sizeof(word), (const void *)sp) &&
	       (word == call->return_address || word == RETURN_TRAMPOLINE);
}

/* The words of the caller's frame that are looked at, right above the return address. */
#define CALLER_WORDS 12

/* Without the one at moved, which the call changes: SSL_read has it there. */
static __always_inline __u64 caller_words(__u64 sp, __u64 moved)
{
	__u64 sum = 0;

	for (int i = 1; i <= CALLER_WORDS; i++) {
		__u64 at = sp + i * sizeof(__u64);
		__u64 word = 0;

		if (at != moved)
			bpf_probe_read_user(&word, sizeof(word), (const void *)at);
		sum = sum * 31 + word;
	}
	return sum;
}

static __always_inline void note_caller(struct pt_regs *ctx, __u64 sp, struct call *call)
{
	keep_registers(ctx, &call->caller.kept);
	call->caller.words = caller_words(sp, call->moved);
}

static __always_inline int is_same_caller(struct pt_regs *ctx, __u64 sp, const struct call *call)
{
	return same_registers(ctx, &call->caller.kept) &&
	       call->caller.words == caller_words(sp, call->moved);
}

/* The thread is in the call at sp from now on. */
static __always_inline void enter_call(struct thread *thread, __u64 sp)
{
	for (__u32 i = 0; i < THREAD_CALLS; i++) {
		__u64 other = thread->calls[i];

		/* At or below sp on the same stack: left behind, or ended on another thread. */
		if (!other || (other <= sp && sp - other < STACK_WINDOW)) {
			thread->calls[i] = sp;
			return;
		}
	}
	thread->calls[thread->next_call++ & (THREAD_CALLS - 1)] = sp;
}

/* Whether the thread was known to be in it until now. */
static __always_inline int leave_call(struct thread *thread, __u64 sp)
{
	int known = 0;

	for (__u32 i = 0; i < THREAD_CALLS; i++) {
		if (thread->calls[i] == sp) {
			thread->calls[i] = 0;
			known = 1;
		}
	}
	return known;
}

/* Whether the thread may be in a call; where it is not, that costs no more than this. */
static __always_inline int in_calls(const struct thread *thread)
{
	__u64 any = 0;

	for (__u32 i = 0; i < THREAD_CALLS; i++)
		any |= thread->calls[i];
	return any != 0;
}

/* The user's stack pointer when the thread entered the kernel; 0 where that cannot be told. */
static __always_inline __u64 syscall_sp(void)
{
	__u64 sp = 0;

	if (bpf_probe_read_kernel(&sp, sizeof(sp), &PT_REGS_SP(syscall_regs())))
		return 0;
	return sp;
}

/*
 * Whether the thread, in the kernel with user stack pointer sp, is inside the call that it entered
 * at call_sp, and then the call.
 */
static __always_inline struct call *call_around(__u64 call_sp, __u64 sp)
{
	struct call *call;

	if (!call_sp || sp >= call_sp || call_sp - sp >= STACK_WINDOW)
		return NULL;
	call = find_call(call_sp);
	return call && call->state.running && frame_stands(call, call_sp) ? call : NULL;
}

/* The stack pointer of the innermost call around sp; 0 when there is none. */
static __always_inline __u64 innermost_call(const struct thread *thread, __u64 sp)
{
	__u64 found = 0;

	if (!sp)
		return 0;
	for (__u32 i = 0; i < THREAD_CALLS; i++) {
		__u64 call_sp = thread->calls[i];

		if ((!found || call_sp < found) && call_around(call_sp, sp))
			found = call_sp;
	}
	return found;
}

#endif /* TLSCOPE_CALLS_BPF_H */
