/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls whose beginning was not seen: they were under way when the programs were attached, or more
 * were at a time than the table holds. What they moved is a loss, which stands before whatever
 * comes next of its object. Few ends of calls tell the object; of a thread that waits in the kernel
 * when the programs come, userspace tells the descriptor.
 */
#ifndef TLSCOPE_MISSED_BPF_H
#define TLSCOPE_MISSED_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/pid_namespace.bpf.h"
#include "bpf/filters.bpf.h"
#include "bpf/points.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tlscope_abi.h"

/* LRU: most threads that wait are in no call of a TLS library. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* visible_pid_tgid() */
	__type(value, __s32); /* the descriptor of the system call that it is in */
} waiting_threads SEC(".maps");

/* How much the call moved; 0 where its end does not tell. */
static __always_inline __u64 length_told(struct pt_regs *ctx, const struct tlscope_point *point,
					 int result)
{
	__u64 moved = 0;
	__u64 len = 0;

	if (!value_at(ctx, point, &point->moved, &moved))
		return point->flags & TLSCOPE_POINT_TELLS_LENGTH ? result : 0;
	return bpf_probe_read_user(&len, sizeof(len), (const void *)moved) ? 0 : len;
}

static __always_inline void note_missed(struct missed *missed, __u64 len)
{
	missed->any = 1;
	missed->len = len < ~0U ? len : ~0U;
}

/*
 * The socket that the thread waits for, or did; NULL when that is not known. Only for the first
 * call of a thread to be seen: that it ends says that the thread was in it all the time.
 */
static __always_inline struct tls_socket *socket_waited_for(void)
{
	__u64 id = visible_pid_tgid();
	__s32 *fd = bpf_map_lookup_elem(&waiting_threads, &id);
	struct sock *sk;

	if (!fd || find_thread())
		return NULL;
	sk = sock_of_fd(*fd);
	bpf_map_delete_elem(&waiting_threads, &id);
	return sk ? get_socket(sk) : NULL;
}

/* The stream of the call's object, where its end tells that; else NULL. */
static __always_inline struct stream *stream_told(struct pt_regs *ctx,
						  const struct tlscope_point *point)
{
	struct stream_key key;
	struct thread *thread;
	__u64 object = 0;

	if (!value_at(ctx, point, &point->object, &object))
		return NULL;
	thread = get_thread();
	if (!thread)
		return NULL;
	key = stream_key_of(thread, object);
	return get_stream(&key);
}

/* Where the loss of a missed call is kept until it is told; NULL when its place is not known. */
struct missed_place {
	struct missed *missed;
	int wanted; /* by its port */
};

static __always_inline struct missed_place
place_missed(struct pt_regs *ctx, const struct tlscope_point *point, __u8 direction)
{
	struct stream *stream = stream_told(ctx, point);
	struct missed_place place = {.wanted = !filter_by_port};
	struct tls_socket *socket;

	if (!stream) {
		socket = socket_waited_for();
		if (!socket)
			return place;
		place.missed = &socket->missed[direction & 1];
		place.wanted = port_wanted(&socket->tuple);
		stream = bpf_map_lookup_elem(&streams, &socket->stream);
		if (!stream || stream->sock_generation != socket->generation)
			return place;
	}
	place.missed = &stream->missed[direction & 1];
	place.wanted = port_wanted(&stream->tuple);
	return place;
}

/* A call ends whose beginning was not seen, or is not to be told from another's. */
static __always_inline void miss_call(struct pt_regs *ctx, const struct tlscope_point *point,
				      int result)
{
	__u8 direction = (point->flags & TLSCOPE_POINT_WRITES) != 0;
	struct missed_place place;
	__u64 len;

	if (result <= 0 || (point->flags & TLSCOPE_POINT_SHARED) || !process_wanted())
		return;
	len = length_told(ctx, point, result);
	place = place_missed(ctx, point, direction);
	if (!place.wanted) {
		count(TLSCOPE_COUNT_FILTERED, len);
		return;
	}
	count(TLSCOPE_COUNT_NO_CALL, len);
	if (len)
		count(TLSCOPE_COUNT_SEEN, len);
	if (place.missed)
		note_missed(place.missed, len);
}

#endif /* TLSCOPE_MISSED_BPF_H */
