// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/tlscope_abi.h"

namespace tlscope::testing {

using Bytes = std::vector<std::byte>;

template <class Wire>
tlscope_header MakeHeader(std::uint16_t type, std::string_view comm = "curl") {
  tlscope_header header{};
  header.type = type;
  header.version = TLSCOPE_ABI_VERSION;
  header.size = sizeof(Wire);
  header.ktime_ns = 1'000'000'000;
  header.tgid = 1234;
  header.tid = 1235;
  std::memcpy(header.comm, comm.data(), comm.size());
  return header;
}

/// 127.0.0.1:54321 to 10.0.0.1:443.
inline tlscope_tuple Ipv4Tuple() {
  tlscope_tuple tuple{};
  tuple.family = TLSCOPE_AF_INET;
  const std::uint8_t local[] = {127, 0, 0, 1};
  const std::uint8_t remote[] = {10, 0, 0, 1};
  std::memcpy(tuple.saddr, local, sizeof local);
  std::memcpy(tuple.daddr, remote, sizeof remote);
  tuple.sport = 54321;
  tuple.dport = 443;
  tuple.provenance = TLSCOPE_SOCK_NESTED;
  return tuple;
}

template <class Wire>
Bytes BytesOf(const Wire& wire, std::string_view tail = {}) {
  Bytes bytes(sizeof wire + tail.size());
  std::memcpy(bytes.data(), &wire, sizeof wire);
  if (!tail.empty()) std::memcpy(bytes.data() + sizeof wire, tail.data(), tail.size());
  return bytes;
}

/// A good data record of a whole call; fields may be changed before Encode.
struct DataRecord {
  explicit DataRecord(std::string_view bytes) : chunk(bytes) {
    wire.header = MakeHeader<tlscope_ssl_data>(TLSCOPE_RECORD_SSL_DATA);
    wire.header.size += static_cast<std::uint32_t>(chunk.size());
    wire.ssl = 0x7f00'0000'1000;
    wire.ssl_generation = 1;
    wire.total_len = chunk.size();
    wire.chunk_len = static_cast<std::uint32_t>(chunk.size());
    wire.fd = 5;
    wire.direction = TLSCOPE_WRITE;
  }
  Bytes Encode() const { return BytesOf(wire, chunk); }

  tlscope_ssl_data wire{};
  std::string chunk;
};

/// A good handshake record of the same SSL object; fields may be changed before Encode.
struct HandshakeRecord {
  HandshakeRecord(std::uint8_t kind, std::string_view told) : bytes(told) {
    wire.header = MakeHeader<tlscope_handshake>(TLSCOPE_RECORD_HANDSHAKE);
    wire.header.size += static_cast<std::uint32_t>(bytes.size());
    wire.ssl = 0x7f00'0000'1000;
    wire.ssl_generation = 1;
    wire.len = static_cast<std::uint16_t>(bytes.size());
    wire.kind = kind;
    wire.direction = TLSCOPE_READ;
    wire.fd = 5;
  }
  Bytes Encode() const { return BytesOf(wire, bytes); }

  tlscope_handshake wire{};
  std::string bytes;
};

inline tlscope_conn_data MakeConn(std::uint64_t sock, std::uint8_t state) {
  tlscope_conn_data wire{};
  wire.header = MakeHeader<tlscope_conn_data>(TLSCOPE_RECORD_CONN);
  wire.sock = sock;
  wire.sock_generation = 1;
  wire.tuple = Ipv4Tuple();
  wire.state = state;
  return wire;
}

inline tlscope_ssl_end MakeEnd(std::uint64_t read_bytes, std::uint64_t write_bytes) {
  tlscope_ssl_end wire{};
  wire.header = MakeHeader<tlscope_ssl_end>(TLSCOPE_RECORD_SSL_END);
  wire.ssl = 0x7f00'0000'1000;
  wire.ssl_generation = 1;
  wire.bytes[TLSCOPE_READ] = read_bytes;
  wire.bytes[TLSCOPE_WRITE] = write_bytes;
  return wire;
}

inline tlscope_ssl_socket MakeSslSocket(std::uint64_t sock) {
  tlscope_ssl_socket wire{};
  wire.header = MakeHeader<tlscope_ssl_socket>(TLSCOPE_RECORD_SSL_SOCKET);
  wire.ssl = 0x7f00'0000'1000;
  wire.ssl_generation = 1;
  wire.sock = sock;
  wire.sock_generation = 1;
  wire.tuple = Ipv4Tuple();
  wire.tuple.provenance = TLSCOPE_SOCK_MATCHED;
  wire.fd = 6;
  return wire;
}

}  // namespace tlscope::testing
