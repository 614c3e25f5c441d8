/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs write to the ring and userspace reads from it: the only file both sides
 * include. Every field has a fixed width, every hole is a visible pad, and both compilers assert
 * the layout. A record is read in place, once, by the decoder; nothing else knows these structs.
 */
#ifndef TLSCOPE_ABI_H
#define TLSCOPE_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define TLSCOPE_ASSERT(condition) static_assert(condition, #condition)
#else
#define TLSCOPE_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* Raised with every change of a layout below; the decoder refuses any other. */
#define TLSCOPE_ABI_VERSION 6

/* TASK_COMM_LEN of include/linux/sched.h, the NUL included. */
#define TLSCOPE_COMM_LEN 16

/* Payload bytes a record can carry at most: one full TLS record's plaintext (RFC 8446 5.1). */
#define TLSCOPE_CHUNK_MAX 16384

/* Bytes of a handshake message that a record can carry: beyond, only padding and tickets are usual.
 */
#define TLSCOPE_HANDSHAKE_MAX 4096

/* Full records one call can become on kernels without bpf_loop (before 5.17). */
#define TLSCOPE_CHUNKS_UNROLLED 64

/* AF_INET and AF_INET6 of the kernel's socket.h, the values of tlscope_tuple.family. */
#define TLSCOPE_AF_INET 2
#define TLSCOPE_AF_INET6 10

enum tlscope_record_type {
	TLSCOPE_RECORD_SSL_DATA = 1, /* struct tlscope_ssl_data */
	TLSCOPE_RECORD_CONN = 2, /* struct tlscope_conn_data */
	TLSCOPE_RECORD_SSL_END = 3, /* struct tlscope_ssl_end */
	TLSCOPE_RECORD_SSL_SOCKET = 4, /* struct tlscope_ssl_socket */
	TLSCOPE_RECORD_HANDSHAKE = 5, /* struct tlscope_handshake */
};

enum tlscope_direction {
	TLSCOPE_READ = 0, /* received by the traced process */
	TLSCOPE_WRITE = 1, /* sent by the traced process */
	TLSCOPE_DIRECTIONS = 2,
};

/* How the socket of an SSL object was found. Higher is no better: unknown is honest. */
enum tlscope_provenance {
	TLSCOPE_SOCK_UNKNOWN = 0,
	TLSCOPE_SOCK_SET_FD = 1, /* SSL_set_fd, SSL_set_rfd or SSL_set_wfd named the descriptor */
	TLSCOPE_SOCK_NESTED = 2, /* a socket call made inside this very SSL call */
	TLSCOPE_SOCK_CACHED = 3, /* an earlier call on the same SSL object found it */
	TLSCOPE_SOCK_MATCHED = 4, /* a TLS record on it has the length of what the SSL call moved */
};

enum tlscope_conn_state {
	TLSCOPE_CONN_OPENED = 1, /* first seen carrying TLS, which may be after it was connected */
	TLSCOPE_CONN_CLOSED = 2,
};

/* Where a value of a call is while a probed instruction is about to run. */
enum tlscope_place_kind {
	TLSCOPE_PLACE_UNKNOWN = 0,
	TLSCOPE_PLACE_REGISTER = 1,
	TLSCOPE_PLACE_STACK = 2, /* in memory */
	TLSCOPE_PLACE_STACK_ADDRESS = 3, /* the value is that memory's address */
};

struct tlscope_place {
	__u8 kind; /* enum tlscope_place_kind */
	__u8 reg; /* as x86-64 instructions number it: 0 is rax, 4 rsp, 15 r15 */
	__s16 at; /* bytes from the stack pointer at the function's entry; its frame is below 0 */
};
TLSCOPE_ASSERT(sizeof(struct tlscope_place) == 4);

/* Others come by here, too, so that a call may be unknown: nothing is lost then. */
#define TLSCOPE_POINT_SHARED 1
/* The function writes; without it, it reads. */
#define TLSCOPE_POINT_WRITES 2
/* Functions of both directions end there. */
#define TLSCOPE_POINT_BOTH_WAYS 4
/* Where no argument points to how many bytes the function moved, its result is their number. */
#define TLSCOPE_POINT_TELLS_LENGTH 8

/*
 * What a program has to know of the instruction that it runs at. Found by decoding the function
 * (agent/code). Of a way in, the frame alone means something.
 */
struct tlscope_point {
	__s32 frame; /* bytes from the stack pointer here up to that at the function's entry */
	__u32 flags; /* TLSCOPE_POINT_* */
	struct tlscope_place result; /* of the function, final: always a register */
	struct tlscope_place object; /* its first argument */
	struct tlscope_place moved; /* its argument that points to how many bytes it moved */
	__u8 pad[4];
};
TLSCOPE_ASSERT(sizeof(struct tlscope_point) == 24);

/* Probed instructions that can be described at a time, the first of which stands for all that have
 * no description: kernels before 5.15 cannot tell a program where it runs. There the frame is gone.
 */
#define TLSCOPE_POINTS 16384
#define TLSCOPE_POINT_UNTOLD 0

/* How an SSL object begins in the kernel's table of streams, for those who count what is left. */
struct tlscope_stream_state {
	__u64 unfinished; /* bytes of a write that sent something, failed, and is not tried again
			     yet */
	__u64 unfinished_since_ns; /* when it was tried first */
};
TLSCOPE_ASSERT(sizeof(struct tlscope_stream_state) == 16);

/* How a call of a TLS library begins in the kernel's table of calls, for those who count them. */
struct tlscope_call_state {
	__u64 len; /* bytes the caller asked to move */
	__u8 direction; /* enum tlscope_direction */
	__u8 running; /* 1: its end has not been seen */
	__u8 nested; /* 1: a socket call was seen inside */
	__u8 mixed; /* 1: another that ran at the same stack pointer was not seen to end */
	__u8 sent; /* 1: some of its plaintext left on a socket of a wanted port */
	__u8 pad[3];
};
TLSCOPE_ASSERT(sizeof(struct tlscope_call_state) == 16);

/*
 * Rows of the per-CPU counter array. Of the traced calls that moved data and passed the filters:
 *   SEEN.bytes == bytes delivered in records
 *                 + bytes of RING_FULL, MAP_FULL, FAULT, TRUNCATED, SENDFILE, PAUSED, NO_CALL and
 *                   UNFINISHED.
 */
enum tlscope_counter {
	TLSCOPE_COUNT_SEEN = 0, /* SSL calls that moved data, and the bytes they moved */
	TLSCOPE_COUNT_RING_FULL = 1, /* records not written for want of ring space */
	TLSCOPE_COUNT_MAP_FULL = 2, /* calls whose connection state could not be stored */
	TLSCOPE_COUNT_FAULT = 3, /* records dropped because user memory could not be read */
	TLSCOPE_COUNT_TRUNCATED = 4, /* calls cut at max_payload, and the bytes left out */
	TLSCOPE_COUNT_NO_CALL =
		5, /* ends of calls whose beginning was not seen; bytes as far as known */
	TLSCOPE_COUNT_FILTERED = 6, /* calls a filter turned away; bytes unknown */
	TLSCOPE_COUNT_RING_FULL_META = 7, /* records without plaintext lost to a full ring */
	TLSCOPE_COUNT_SENDFILE = 8, /* SSL_sendfile calls, whose bytes no user memory holds */
	/* Entries of the tables that forget the oldest when full, and those that came to their end.
	 */
	TLSCOPE_COUNT_STREAMS_MADE = 9,
	TLSCOPE_COUNT_STREAMS_ENDED = 10,
	TLSCOPE_COUNT_THREADS_MADE = 11,
	TLSCOPE_COUNT_THREADS_ENDED = 12,
	TLSCOPE_COUNT_LEDGERS_MADE = 13,
	TLSCOPE_COUNT_LEDGERS_ENDED = 14,
	TLSCOPE_COUNT_PAUSED = 15, /* calls made while nothing was to be copied */
	TLSCOPE_COUNT_UNFINISHED =
		16, /* writes that sent something and never ended well; bytes at most */
	TLSCOPE_COUNT_CALLS_LEFT =
		17, /* calls left by an exception, a longjmp or a cancelled thread */
	TLSCOPE_COUNT_CALLS_MIXED = 18, /* ends of calls that cannot be told apart from another's */
	TLSCOPE_COUNTERS = 19,
};

struct tlscope_counter_row {
	__u64 events;
	__u64 bytes;
};
TLSCOPE_ASSERT(sizeof(struct tlscope_counter_row) == 16);

/* Starts every record. */
struct tlscope_header {
	__u16 type; /* enum tlscope_record_type */
	__u16 version; /* TLSCOPE_ABI_VERSION */
	__u32 size; /* bytes of the record that mean something, this header included */
	__u64 ktime_ns; /* CLOCK_MONOTONIC, bpf_ktime_get_ns() */
	__u32 tgid; /* the process as the agent's PID namespace counts it, 0 where it is not seen
		     * there; for a connection, its owner */
	__u32 tid;
	__u8 comm[TLSCOPE_COMM_LEN]; /* of the thread, NUL-padded */
};
TLSCOPE_ASSERT(sizeof(struct tlscope_header) == 40);

/* A socket's two ends as the traced process sees them: s is its own end, d the peer. */
struct tlscope_tuple {
	__u8 saddr[16]; /* network order; IPv4 in the first four bytes, the rest zero */
	__u8 daddr[16];
	__u16 sport; /* host order */
	__u16 dport; /* host order */
	__u16 family; /* TLSCOPE_AF_INET, TLSCOPE_AF_INET6, or 0 when unknown */
	__u8 provenance; /* enum tlscope_provenance */
	__u8 pad;
};
TLSCOPE_ASSERT(sizeof(struct tlscope_tuple) == 40);

/*
 * A piece of the plaintext of one SSL call. A call of total_len bytes at stream_offset becomes
 * records with ascending chunk_offset; the piece's place in the stream is their sum.
 */
struct tlscope_ssl_data {
	struct tlscope_header header;
	__u64 ssl; /* SSL *, an address in the traced process */
	__u64 ssl_generation; /* tells apart the SSL objects that lived at one address */
	__u64 sock; /* struct sock *, 0 when unknown */
	__u64 sock_generation;
	__u64 stream_offset; /* plaintext bytes moved in this direction before this call */
	__u64 total_len; /* plaintext bytes this call moved */
	__u64 chunk_offset; /* of chunk within the call */
	__u64 moved_ns; /* CLOCK_MONOTONIC: a write's call began then, a read's came to its end */
	__u32 chunk_len; /* 1..TLSCOPE_CHUNK_MAX */
	__s32 fd; /* -1 when unknown */
	struct tlscope_tuple tuple;
	__u8 direction; /* enum tlscope_direction */
	__u8 ends_call; /* 1: no record of the call follows; the rest of total_len is left out */
	__u8 socket_pending; /* 1: sock is unknown, and a tlscope_ssl_socket may follow at once */
	__u8 missed; /* 1 + enum tlscope_direction in which a call before this one moved bytes that
			no record has and no offset counts; 0: none */
	__u32 missed_len; /* how many; 0: not known */
#ifndef __cplusplus
	__u8 chunk[]; /* C++ has no such member; there the bytes start behind the struct */
#endif
};
TLSCOPE_ASSERT(__builtin_offsetof(struct tlscope_ssl_data, tuple) == 112);
TLSCOPE_ASSERT(sizeof(struct tlscope_ssl_data) == 160);

/* A socket that carries TLS was first seen, or is gone: no data of it follows the latter. */
struct tlscope_conn_data {
	struct tlscope_header header;
	__u64 sock;
	__u64 sock_generation;
	struct tlscope_tuple tuple;
	__u8 state; /* enum tlscope_conn_state */
	__u8 pad[7];
};
TLSCOPE_ASSERT(sizeof(struct tlscope_conn_data) == 104);

/* The last reference to an SSL object was dropped; bytes says how far each direction had come. */
struct tlscope_ssl_end {
	struct tlscope_header header;
	__u64 ssl;
	__u64 ssl_generation;
	__u64 bytes[TLSCOPE_DIRECTIONS];
};
TLSCOPE_ASSERT(sizeof(struct tlscope_ssl_end) == 72);

/* The socket of an SSL object was found after data of it had been told of without one. */
struct tlscope_ssl_socket {
	struct tlscope_header header;
	__u64 ssl;
	__u64 ssl_generation;
	__u64 sock;
	__u64 sock_generation;
	struct tlscope_tuple tuple;
	__s32 fd; /* -1 when unknown */
	__u8 pad[4];
};
TLSCOPE_ASSERT(sizeof(struct tlscope_ssl_socket) == 120);

/* What a tlscope_handshake holds: the numbers of HandshakeType (RFC 8446 4), and one of ours. */
enum tlscope_handshake_kind {
	TLSCOPE_CLIENT_HELLO = 1, /* as sent, from the message's type on */
	TLSCOPE_SERVER_HELLO = 2,
	TLSCOPE_ALPN = 16, /* the name of the protocol that both agreed to (RFC 7301) */
};

/*
 * Bytes of a handshake that are no secret. They are of an SSL object, or, where the program moves
 * the records itself, of whichever object turns out to be on the socket.
 */
struct tlscope_handshake {
	struct tlscope_header header;
	__u64 ssl; /* 0 when not known yet */
	__u64 ssl_generation;
	__u64 sock; /* 0 when unknown */
	__u64 sock_generation;
	struct tlscope_tuple tuple;
	__s32 fd; /* -1 when unknown */
	__u16 len; /* bytes that follow, 1..TLSCOPE_HANDSHAKE_MAX; a longer hello is cut */
	__u8 kind; /* enum tlscope_handshake_kind */
	__u8 direction; /* enum tlscope_direction, of a hello */
#ifndef __cplusplus
	__u8 bytes[];
#endif
};
TLSCOPE_ASSERT(sizeof(struct tlscope_handshake) == 120);

#endif /* TLSCOPE_ABI_H */
