/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets of SSL objects that touch none: Node, asyncio and Envoy move the TLS records between the
 * SSL object's memory BIOs and the socket themselves. One thread does both halves, one right after
 * the other; the first half goes into its ledger, the second is matched with what is there:
 *
 *     received, then read                          written, then sent
 *
 *     recv(sock): records come                     SSL_write(ssl): takes plaintext
 *       |                                            |  its data goes to userspace now,
 *       |  note_received, per record                 |  with socket_pending = 1
 *       v                                            v  note_written
 *     ledger.received                              ledger.written
 *       {sock, fd, record length}                    {ssl, plaintext in the first record}
 *       |                                            |
 *       v  bind_by_received                          v  bind_by_sent, per record
 *     SSL_read(ssl): gives plaintext               send(sock): records go
 *       its data goes to userspace                   a tlscope_ssl_socket record follows
 *       with the socket                              with the socket
 *
 * An entry fits when it is fresh (LEDGER_NS) and the record is longer than the plaintext by what a
 * cipher adds: TLS_MIN_OVERHEAD to TLS_MAX_OVERHEAD. Where all entries that fit are of one socket,
 * or of one SSL object, the two are bound (TLSCOPE_SOCK_MATCHED); where they are of several,
 * nothing is: unknown is better than wrong. What has a socket already takes no part.
 *
 * All of it is for threads with has_memory_bio alone: those that made an SSL call which reached no
 * socket. Records are looked at outside of SSL calls only; inside of one, the socket is simply its.
 */
#ifndef TLSCOPE_MEMORY_BIO_BPF_H
#define TLSCOPE_MEMORY_BIO_BPF_H

#include "bpf/base/counters.bpf.h"
#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/ring.bpf.h"
#include "bpf/base/syscalls.bpf.h"
#include "bpf/ledgers.bpf.h"
#include "bpf/sockets.bpf.h"
#include "bpf/streams.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/tls_records.bpf.h"
#include "bpf/tlscope_abi.h"

/* Records looked at in one system call. */
#define RECORDS_PER_CALL 4

/* Whether a stream is known to be on this socket, so that nothing needs to be found out. */
static __always_inline int socket_taken(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tls_socket *socket = bpf_map_lookup_elem(&sockets, &key);
	struct stream *stream;

	if (!socket)
		return 0;
	stream = bpf_map_lookup_elem(&streams, &socket->stream);
	return stream && stream->sock == key;
}

/* The thread received span on sk outside every SSL call. */
static __always_inline void note_received(struct sock *sk, struct span span)
{
	struct ledger *ledger;
	int fd;

	if (span.len < sizeof(struct tls_header) || !is_tcp(sk))
		return;
	fd = fd_of_syscall(sk);
	ledger = get_ledger();
	if (fd < 0 || !ledger)
		return;
	for (int i = 0; i < RECORDS_PER_CALL; i++) {
		__u32 record_len = next_record(&span);

		if (!record_len)
			return;
		if (record_len != NO_DATA_RECORD)
			add_received(ledger, sk, record_len, fd);
	}
}

/* An SSL call without a socket gave len bytes of plaintext: whose record were they in? */
static __always_inline void bind_by_received(struct stream *stream, const struct stream_key *key,
					     __u64 len)
{
	struct ledger *ledger = find_ledger();
	__u64 now = bpf_ktime_get_ns();
	__u64 found = 0;
	int fd = -1;

	if (!ledger)
		return;
	for (int i = 0; i < LEDGER_ENTRIES; i++) {
		struct ledger_entry *entry = &ledger->received[i];

		if (!entry_fits(entry, now, entry->len, len) ||
		    socket_taken((struct sock *)entry->id))
			continue;
		if (found && found != entry->id)
			return;
		found = entry->id;
		fd = entry->fd;
	}
	/* It may have been closed since. */
	if (!found || (__u64)sock_of_fd(fd) != found)
		return;
	bind_socket(stream, key, (struct sock *)found, TLSCOPE_SOCK_MATCHED);
	name_fd(stream, fd);
}

/*
 * An SSL call without a socket took len bytes of plaintext, which are now to be sent. Whether that
 * will be seen.
 */
static __always_inline int note_written(__u64 ssl, __u64 len)
{
	struct ledger *ledger = get_ledger();

	if (!ledger)
		return 0;
	add_written(ledger, ssl, len);
	return 1;
}

/* The SSL object whose unsent record has this length, 0 when there is not exactly one. */
static __always_inline __u64 writer_of(struct ledger *ledger, const struct thread *thread,
				       __u32 record_len)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 found = 0;

	for (int i = 0; i < LEDGER_ENTRIES; i++) {
		struct ledger_entry *entry = &ledger->written[i];
		struct stream_key key = stream_key_of(thread, entry->id);
		struct stream *stream;

		if (!entry_fits(entry, now, record_len, entry->len))
			continue;
		stream = bpf_map_lookup_elem(&streams, &key);
		if (!stream || stream->sock)
			continue;
		if (found && found != entry->id)
			return 0;
		found = entry->id;
	}
	return found;
}

static __always_inline void emit_ssl_socket(const struct stream_key *key,
					    const struct stream *stream)
{
	struct tlscope_ssl_socket *record;

	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count(TLSCOPE_COUNT_RING_FULL_META, 0);
		return;
	}
	fill_header(&record->header, TLSCOPE_RECORD_SSL_SOCKET, sizeof(*record));
	record->ssl = key->ssl;
	record->ssl_generation = stream->generation;
	record->sock = stream->sock;
	record->sock_generation = stream->sock_generation;
	record->tuple = stream->tuple;
	record->fd = stream->fd[TLSCOPE_WRITE];
	__builtin_memset(record->pad, 0, sizeof(record->pad));
	submit(record);
}

/* The thread sent span on sk, or tried to, outside every SSL call: whose record was it? */
static __always_inline void bind_by_sent(const struct thread *thread, struct sock *sk,
					 struct span span)
{
	struct ledger *ledger = find_ledger();

	if (!ledger)
		return;
	for (int i = 0; i < RECORDS_PER_CALL; i++) {
		__u32 record_len = next_record(&span);
		struct stream_key key;
		struct stream *stream;

		if (!record_len)
			return;
		key = stream_key_of(thread, writer_of(ledger, thread, record_len));
		stream = key.ssl ? bpf_map_lookup_elem(&streams, &key) : NULL;
		if (!stream)
			continue;
		bind_socket(stream, &key, sk, TLSCOPE_SOCK_MATCHED);
		name_fd(stream, fd_of_syscall(sk));
		if (stream->sock)
			emit_ssl_socket(&key, stream);
		return;
	}
}

#endif /* TLSCOPE_MEMORY_BIO_BPF_H */
