/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TLS records as they pass through a socket: what their clear headers say (RFC 8446 5.1). */
#ifndef TLSCOPE_TLS_RECORDS_BPF_H
#define TLSCOPE_TLS_RECORDS_BPF_H

#include "bpf/base/kernel_types.bpf.h"
#include "bpf/base/syscalls.bpf.h"

/* ContentType; those between are alerts and handshakes. */
#define TLS_CHANGE_CIPHER_SPEC 20
#define TLS_HANDSHAKE 22
#define TLS_APPLICATION_DATA 23

/* The most plaintext a record has. */
#define TLS_MAX_PLAINTEXT 16384

struct tls_header {
	__u8 type;
	__u8 version[2];
	__u8 len[2];
} __attribute__((packed));

/* What next_record says of a record that is not application data: shorter than any that is. */
#define NO_DATA_RECORD 1

/*
 * The length of the TLS record at the start of span, which is moved behind it; 0 when there is
 * none. Memory that cannot be read holds none: what is sent on a socket need not be TLS.
 */
static __always_inline __u32 next_record(struct span *span)
{
	struct tls_header header;
	__u32 len;

	if (span->len < sizeof(header) ||
	    bpf_probe_read_user(&header, sizeof(header), (const void *)span->at))
		return 0;
	if (header.type < TLS_CHANGE_CIPHER_SPEC || header.type > TLS_APPLICATION_DATA ||
	    header.version[0] != 3)
		return 0;
	len = header.len[0] << 8 | header.len[1];
	span->at += sizeof(header) + len;
	span->len -= len + sizeof(header) < span->len ? len + sizeof(header) : span->len;
	return header.type == TLS_APPLICATION_DATA && len ? len : NO_DATA_RECORD;
}

#endif /* TLSCOPE_TLS_RECORDS_BPF_H */
