/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets of SSL objects that touch none: Node, asyncio and Envoy move the TLS records between the
 * SSL object's memory BIOs and the socket themselves. The same thread receives a record and reads
 * it, writes it and sends it, and the record's length is that of the plaintext and what the cipher
 * adds. Where exactly one record or call of the last moments fits, the socket is found; where
 * several do, it is not: unknown is better than wrong.
 */
#ifndef TLSCOPE_MEMORY_BIO_BPF_H
#define TLSCOPE_MEMORY_BIO_BPF_H

/* Records received but not yet read, and calls written but not yet sent, remembered of a thread. */
#define LEDGER_ENTRIES 8

/* How long; a thread goes on to the other half at once. */
#define LEDGER_NS 100000000ULL

/* Records looked at in one system call. */
#define RECORDS_PER_CALL 4

/* RFC 8446 5.1: the most plaintext a record has. */
#define TLS_MAX_PLAINTEXT 16384
#define TLS_CHANGE_CIPHER_SPEC 20
#define TLS_APPLICATION_DATA 23

/*
 * What a record is longer than its plaintext: at least an AEAD's tag (RFC 8446 5.2: 16, and a byte
 * of content type), at most the IV, MAC and padding of AES-CBC with SHA-384 (RFC 5246 6.2.3.2).
 */
#define TLS_MIN_OVERHEAD 16
#define TLS_MAX_OVERHEAD 80

struct ledger_entry {
	__u64 ktime_ns; /* 0: free */
	__u64 id; /* received: struct sock *; written: SSL * */
	__u32 len; /* received: the record's; written: of the plaintext in the first record */
	__s32 fd; /* received: of the socket, -1 when unknown */
};

struct ledger {
	struct ledger_entry received[LEDGER_ENTRIES];
	struct ledger_entry written[LEDGER_ENTRIES];
	__u32 next_received;
	__u32 next_written;
};

/* LRU: an entry is of use for LEDGER_NS only. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64); /* bpf_get_current_pid_tgid() */
	__type(value, struct ledger);
} ledgers SEC(".maps");

static __always_inline struct ledger *get_ledger(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ledger *ledger = bpf_map_lookup_elem(&ledgers, &id);
	static const struct ledger empty;

	if (ledger)
		return ledger;
	if (!bpf_map_update_elem(&ledgers, &id, &empty, BPF_NOEXIST))
		count(TLSCOPE_COUNT_LEDGERS_MADE, 0);
	return bpf_map_lookup_elem(&ledgers, &id);
}

static __always_inline void end_ledger(__u64 id)
{
	if (!bpf_map_delete_elem(&ledgers, &id))
		count(TLSCOPE_COUNT_LEDGERS_ENDED, 0);
}

static __always_inline int entry_fits(const struct ledger_entry *entry, __u64 now, __s64 overhead)
{
	return entry->ktime_ns && now - entry->ktime_ns < LEDGER_NS &&
	       overhead >= TLS_MIN_OVERHEAD && overhead <= TLS_MAX_OVERHEAD;
}

/* The length of the TLS record at the start of span, which is moved behind it; 0 when there is
 * none. Of what is not application data, 1: too short to fit anything.
 */
static __always_inline __u32 next_record(struct span *span)
{
	struct tls_header header;
	__u32 len;

	if (span->len < TLS_HEADER_LEN ||
	    bpf_probe_read_user(&header, sizeof(header), (const void *)span->at))
		return 0;
	if (header.type < TLS_CHANGE_CIPHER_SPEC || header.type > TLS_APPLICATION_DATA ||
	    header.version[0] != 3)
		return 0;
	len = header.len[0] << 8 | header.len[1];
	span->at += TLS_HEADER_LEN + len;
	span->len -= len + TLS_HEADER_LEN < span->len ? len + TLS_HEADER_LEN : span->len;
	return header.type == TLS_APPLICATION_DATA && len ? len : 1;
}

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

	if (span.len < TLS_HEADER_LEN || !is_tcp(sk))
		return;
	fd = fd_of_syscall(sk);
	ledger = get_ledger();
	if (fd < 0 || !ledger)
		return;
	for (int i = 0; i < RECORDS_PER_CALL; i++) {
		__u32 len = next_record(&span);
		struct ledger_entry *entry;

		if (!len)
			return;
		if (len == 1)
			continue;
		entry = &ledger->received[ledger->next_received++ & (LEDGER_ENTRIES - 1)];
		entry->ktime_ns = bpf_ktime_get_ns();
		entry->id = (__u64)sk;
		entry->len = len;
		entry->fd = fd;
	}
}

/* An SSL call without a socket gave len bytes of plaintext: whose record were they in? */
static __always_inline void bind_by_received(struct stream *stream, const struct stream_key *key,
					     __u64 len)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ledger *ledger = bpf_map_lookup_elem(&ledgers, &id);
	__u64 now = bpf_ktime_get_ns();
	__u64 found = 0;
	int fd = -1;

	if (!ledger)
		return;
	for (int i = 0; i < LEDGER_ENTRIES; i++) {
		struct ledger_entry *entry = &ledger->received[i];

		if (!entry_fits(entry, now, (__s64)entry->len - (__s64)len) ||
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

/* An SSL call without a socket took len bytes of plaintext, which are now to be sent. Whether that
 * will be seen.
 */
static __always_inline int note_written(__u64 ssl, __u64 len)
{
	struct ledger_entry *entry;
	struct ledger *ledger;

	if (!has_syscall_regs())
		return 0;
	ledger = get_ledger();
	if (!ledger)
		return 0;
	entry = &ledger->written[ledger->next_written++ & (LEDGER_ENTRIES - 1)];
	entry->ktime_ns = bpf_ktime_get_ns();
	entry->id = ssl;
	entry->len = len < TLS_MAX_PLAINTEXT ? len : TLS_MAX_PLAINTEXT;
	entry->fd = -1;
	return 1;
}

/* The SSL object whose unsent record has this length, 0 when there is not exactly one. */
static __always_inline __u64 writer_of(struct ledger *ledger, const struct thread *thread,
				       __u32 len)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 found = 0;

	for (int i = 0; i < LEDGER_ENTRIES; i++) {
		struct ledger_entry *entry = &ledger->written[i];
		struct stream_key key = stream_key_of(thread, entry->id);
		struct stream *stream;

		if (!entry_fits(entry, now, (__s64)len - (__s64)entry->len))
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
	__u64 id = bpf_get_current_pid_tgid();
	struct ledger *ledger = bpf_map_lookup_elem(&ledgers, &id);

	if (!ledger)
		return;
	for (int i = 0; i < RECORDS_PER_CALL; i++) {
		__u32 len = next_record(&span);
		struct stream_key key;
		struct stream *stream;

		if (!len)
			return;
		key = stream_key_of(thread, writer_of(ledger, thread, len));
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
