// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every program, in one object: they share maps and inlined functions, which several objects would
 * have to declare to each other.
 */
#include "bpf/programs/openssl_data.bpf.h"
#include "bpf/programs/openssl_handshake.bpf.h"
#include "bpf/programs/openssl_objects.bpf.h"
#include "bpf/programs/processes.bpf.h"
#include "bpf/programs/socket_calls.bpf.h"
#include "bpf/programs/socket_lifecycle.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
