// SPDX-License-Identifier: Apache-2.0
#include "processor/events/decoder.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "bpf/tlscope_abi.h"

namespace tlscope {
namespace {

constexpr std::uint64_t kMaxOffset = std::numeric_limits<std::uint64_t>::max();

/// The error half of a refusal. Numbers and field names only: a record may hold payload.
tl::unexpected<Error> Refuse(std::string_view field) {
  return Fail(Errc::kInvalidRecord, 0, "decode a ring record: " + std::string(field));
}

/// The fixed part of a record, whose header says it holds `size` bytes.
template <class Wire>
bool CopyFixed(std::span<const std::byte> record, std::uint32_t size, Wire& wire) {
  if (size < sizeof wire) return false;
  std::memcpy(&wire, record.data(), sizeof wire);
  return true;
}

/// False when `comm` is not terminated.
bool CopyOrigin(const tlscope_header& header, EventOrigin& origin) {
  origin.ktime_ns = header.ktime_ns;
  origin.pid = header.tgid;
  origin.tid = header.tid;
  // Only up to the NUL: older kernels leave another name's rest behind it.
  for (std::size_t i = 0; i < sizeof header.comm; ++i) {
    if (header.comm[i] == 0) return true;
    origin.comm_bytes[i] = static_cast<char>(header.comm[i]);
  }
  return false;
}

/// ::ffff:a.b.c.d (RFC 4291 2.5.5.2): IPv4 seen through an IPv6 socket.
bool IsMappedIpv4(const std::uint8_t (&address)[16]) {
  constexpr std::uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address, kPrefix, sizeof kPrefix) == 0;
}

/// Empty when the tuple is good, else the field that is not.
std::string_view CopyTuple(const tlscope_tuple& wire, Tuple& tuple) {
  if (wire.provenance > TLSCOPE_SOCK_MATCHED) return "provenance out of range";
  std::size_t skip = 0;
  std::size_t length = 4;
  switch (wire.family) {
    case 0:
      return {};
    case TLSCOPE_AF_INET:
      tuple.family = AddressFamily::kIpv4;
      break;
    case TLSCOPE_AF_INET6:
      tuple.family = AddressFamily::kIpv6;
      if (IsMappedIpv4(wire.saddr) && IsMappedIpv4(wire.daddr)) {
        tuple.family = AddressFamily::kIpv4;
        skip = 12;
      } else {
        length = 16;
      }
      break;
    default:
      return "family unknown";
  }
  std::memcpy(tuple.local.address.data(), wire.saddr + skip, length);
  std::memcpy(tuple.remote.address.data(), wire.daddr + skip, length);
  tuple.local.port = wire.sport;
  tuple.remote.port = wire.dport;
  return {};
}

/// What records of SSL objects have in common. Empty when it is good, else the field that is not.
template <class Wire, class Event>
std::string_view CopySslFields(const Wire& wire, Event& event) {
  if (!CopyOrigin(wire.header, event.origin)) return "comm not terminated";
  event.ssl = {wire.header.tgid, wire.ssl, wire.ssl_generation};
  event.socket = {wire.sock, wire.sock_generation};
  event.provenance = static_cast<Provenance>(wire.tuple.provenance);
  event.fd = std::max(wire.fd, -1);
  return CopyTuple(wire.tuple, event.tuple);
}

Result<Record> DecodeData(std::span<const std::byte> record, std::uint32_t size) {
  tlscope_ssl_data wire;
  if (!CopyFixed(record, size, wire)) return Refuse("size below that of a data record");
  if (wire.chunk_len == 0 || wire.chunk_len > TLSCOPE_CHUNK_MAX) {
    return Refuse("chunk_len out of range");
  }
  if (wire.chunk_len > size - sizeof wire) return Refuse("chunk_len beyond the record");
  if (wire.chunk_offset > wire.total_len || wire.chunk_len > wire.total_len - wire.chunk_offset) {
    return Refuse("chunk beyond total_len");
  }
  if (wire.stream_offset > kMaxOffset - wire.total_len) return Refuse("stream_offset overflows");
  if (wire.direction >= TLSCOPE_DIRECTIONS) return Refuse("direction out of range");

  Record decoded(std::in_place_type<SSLDataEvent>);
  auto& event = *std::get_if<SSLDataEvent>(&decoded);
  if (const auto wrong = CopySslFields(wire, event); !wrong.empty()) return Refuse(wrong);
  event.direction = static_cast<DataType>(wire.direction);
  event.stream_offset = wire.stream_offset + wire.chunk_offset;
  event.call_bytes = wire.total_len;
  event.ends_call = wire.ends_call != 0;
  event.socket_pending = wire.socket_pending != 0;
  event.chunk_offset = wire.chunk_offset;
  if (wire.missed > TLSCOPE_DIRECTIONS) return Refuse("missed direction out of range");
  if (wire.missed != 0) event.missed = {static_cast<DataType>(wire.missed - 1), wire.missed_len};
  if (wire.moved_ns > wire.header.ktime_ns) return Refuse("moved_ns after the record was made");
  event.moved_ns = wire.moved_ns;
  event.data = {reinterpret_cast<const char*>(record.data()) + sizeof wire, wire.chunk_len};
  return decoded;
}

Result<Record> DecodeConnection(std::span<const std::byte> record, std::uint32_t size) {
  tlscope_conn_data wire;
  if (!CopyFixed(record, size, wire)) return Refuse("size below that of a connection record");
  if (wire.sock == 0) return Refuse("sock missing");
  ConnDataEvent event;
  if (wire.state == TLSCOPE_CONN_OPENED) {
    event.state = ConnDataEvent::State::kOpened;
  } else if (wire.state == TLSCOPE_CONN_CLOSED) {
    event.state = ConnDataEvent::State::kClosed;
  } else {
    return Refuse("state out of range");
  }
  if (!CopyOrigin(wire.header, event.origin)) return Refuse("comm not terminated");
  if (const auto wrong = CopyTuple(wire.tuple, event.tuple); !wrong.empty()) return Refuse(wrong);
  event.socket = {wire.sock, wire.sock_generation};
  return event;
}

Result<Record> DecodeEnd(std::span<const std::byte> record, std::uint32_t size) {
  tlscope_ssl_end wire;
  if (!CopyFixed(record, size, wire)) return Refuse("size below that of an end record");
  SSLEndEvent event;
  if (!CopyOrigin(wire.header, event.origin)) return Refuse("comm not terminated");
  event.ssl = {wire.header.tgid, wire.ssl, wire.ssl_generation};
  std::copy(std::begin(wire.bytes), std::end(wire.bytes), event.bytes.begin());
  return event;
}

Result<Record> DecodeSocket(std::span<const std::byte> record, std::uint32_t size) {
  tlscope_ssl_socket wire;
  if (!CopyFixed(record, size, wire)) return Refuse("size below that of a socket record");
  if (wire.sock == 0) return Refuse("sock missing");
  SSLSocketEvent event;
  if (const auto wrong = CopySslFields(wire, event); !wrong.empty()) return Refuse(wrong);
  return event;
}

Result<Record> DecodeHandshake(std::span<const std::byte> record, std::uint32_t size) {
  using Kind = SSLHandshakeEvent::Kind;
  tlscope_handshake wire;
  if (!CopyFixed(record, size, wire)) return Refuse("size below that of a handshake record");
  if (wire.len == 0 || wire.len > TLSCOPE_HANDSHAKE_MAX) return Refuse("len out of range");
  if (wire.len > size - sizeof wire) return Refuse("len beyond the record");
  if (wire.direction >= TLSCOPE_DIRECTIONS) return Refuse("direction out of range");
  if (wire.ssl == 0 && wire.sock == 0) return Refuse("ssl and sock missing");
  SSLHandshakeEvent event;
  if (wire.kind == TLSCOPE_CLIENT_HELLO) {
    event.kind = Kind::kClientHello;
  } else if (wire.kind == TLSCOPE_SERVER_HELLO) {
    event.kind = Kind::kServerHello;
  } else if (wire.kind == TLSCOPE_ALPN) {
    event.kind = Kind::kProtocol;
  } else {
    return Refuse("kind out of range");
  }
  if (const auto wrong = CopySslFields(wire, event); !wrong.empty()) return Refuse(wrong);
  event.direction = static_cast<DataType>(wire.direction);
  event.data = {reinterpret_cast<const char*>(record.data()) + sizeof wire, wire.len};
  return event;
}

}  // namespace

Result<Record> Decode(std::span<const std::byte> record) {
  tlscope_header header;
  if (record.size() < sizeof header) return Refuse("shorter than a header");
  std::memcpy(&header, record.data(), sizeof header);
  if (header.version != TLSCOPE_ABI_VERSION) return Refuse("version unknown");
  if (header.size > record.size()) return Refuse("size beyond the record");
  switch (header.type) {
    case TLSCOPE_RECORD_SSL_DATA:
      return DecodeData(record, header.size);
    case TLSCOPE_RECORD_CONN:
      return DecodeConnection(record, header.size);
    case TLSCOPE_RECORD_SSL_END:
      return DecodeEnd(record, header.size);
    case TLSCOPE_RECORD_SSL_SOCKET:
      return DecodeSocket(record, header.size);
    case TLSCOPE_RECORD_HANDSHAKE:
      return DecodeHandshake(record, header.size);
    default:
      return Refuse("type unknown");
  }
}

}  // namespace tlscope
