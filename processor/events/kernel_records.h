// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tlscope {

/// Which way plaintext went, seen from the traced process; printed in UUIDs as its number.
enum class DataType : std::uint8_t { kRead = 0, kWrite = 1 };

/// How the socket of an SSL object was found.
enum class Provenance : std::uint8_t {
  kUnknown = 0,
  kSetFd = 1,
  kNested = 2,
  kCached = 3,
  kMatched = 4,
};

enum class AddressFamily : std::uint8_t { kNone, kIpv4, kIpv6 };

/// Address and port of one end of a connection. IPv4-mapped IPv6 addresses are already IPv4 here.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};  ///< network order; IPv4 in the first four bytes
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

/// Both ends as the traced process sees them: `local` is its own.
struct Tuple {
  AddressFamily family = AddressFamily::kNone;
  Endpoint local;
  Endpoint remote;
  bool operator==(const Tuple&) const = default;
};

/// The thread that made a call, and when.
struct EventOrigin {
  std::uint64_t ktime_ns = 0;  ///< CLOCK_MONOTONIC
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::array<char, 16> comm_bytes{};  ///< NUL-padded

  std::string_view comm() const {
    const std::string_view all(comm_bytes.data(), comm_bytes.size());
    return all.substr(0, all.find('\0'));
  }
};

/// A kernel socket during one life of its address. `address` 0: unknown.
struct SocketId {
  std::uint64_t address = 0;
  std::uint64_t generation = 0;
  bool known() const { return address != 0; }
  bool operator==(const SocketId&) const = default;
};

/// An SSL object during one life of its address, in one process.
struct SslId {
  std::uint32_t pid = 0;
  std::uint64_t address = 0;
  std::uint64_t generation = 0;
  bool operator==(const SslId&) const = default;
};

/// What an SSL call moved whose beginning was not seen: no piece has it, and no offset counts it.
struct Missed {
  DataType direction = DataType::kRead;
  std::uint32_t bytes = 0;  ///< 0: not known
  bool operator==(const Missed&) const = default;
};

/// A piece of the plaintext of one SSL call. `data` points into the ring: valid during the call
/// that hands it over, no longer.
struct SSLDataEvent {
  EventOrigin origin;
  SslId ssl;
  SocketId socket;
  Tuple tuple;
  Provenance provenance = Provenance::kUnknown;
  DataType direction = DataType::kRead;
  std::int32_t fd = -1;             ///< -1 when unknown
  std::uint64_t stream_offset = 0;  ///< bytes in this direction before this piece
  std::uint64_t call_bytes = 0;     ///< bytes the whole call moved
  bool ends_call = false;           ///< no piece of the call follows, even if some of it is left
  bool socket_pending = false;      ///< an SSLSocketEvent may follow at once
  std::uint64_t chunk_offset = 0;   ///< of this piece within the call
  std::optional<Missed> missed;     ///< before this piece
  std::uint64_t moved_ns = 0;       ///< as time_ns() has it; 0: when the record was made
  std::string_view data;            ///< never empty

  /// When the bytes were said, CLOCK_MONOTONIC: of a write the beginning of the call, of a read its
  /// end.
  std::uint64_t time_ns() const { return moved_ns != 0 ? moved_ns : origin.ktime_ns; }
};

/// A socket that carries TLS was first seen, or is gone.
struct ConnDataEvent {
  enum class State : std::uint8_t { kOpened, kClosed };
  EventOrigin origin;
  SocketId socket;
  Tuple tuple;
  State state = State::kOpened;
};

/// The socket of an SSL object was found after data of it had been told of without one.
struct SSLSocketEvent {
  EventOrigin origin;
  SslId ssl;
  SocketId socket;
  Tuple tuple;
  Provenance provenance = Provenance::kUnknown;
  std::int32_t fd = -1;  ///< -1 when unknown
};

/// Bytes of a handshake that are no secret. `data` is borrowed as that of SSLDataEvent.
struct SSLHandshakeEvent {
  enum class Kind : std::uint8_t {
    kClientHello,  ///< as sent, from the message's type on; may be cut
    kServerHello,
    kProtocol,  ///< the name that both agreed to (ALPN)
  };
  EventOrigin origin;
  SslId ssl;  ///< address 0: not known yet; that of whichever is on the socket
  SocketId socket;
  Tuple tuple;
  Provenance provenance = Provenance::kUnknown;
  Kind kind = Kind::kClientHello;
  DataType direction = DataType::kRead;
  std::int32_t fd = -1;   ///< -1 when unknown
  std::string_view data;  ///< never empty
};

/// An SSL object was freed; `bytes` (by DataType) says how far each direction had come.
struct SSLEndEvent {
  EventOrigin origin;
  SslId ssl;
  std::array<std::uint64_t, 2> bytes{};
};

}  // namespace tlscope
