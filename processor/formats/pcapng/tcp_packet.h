// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "processor/events/kernel_records.h"

namespace tlscope {

/// Control bits of a TCP header (RFC 9293 3.1).
enum TcpFlags : std::uint8_t {
  kTcpFin = 1,
  kTcpSyn = 2,
  kTcpRst = 4,
  kTcpPsh = 8,
  kTcpAck = 16,
};

/// A TCP segment from one end of a connection to the other.
struct TcpSegment {
  AddressFamily family = AddressFamily::kIpv4;  ///< not kNone
  Endpoint source = {};
  Endpoint destination = {};
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;  ///< 0 without kTcpAck
  std::uint8_t flags = 0;
  std::string_view data = {};  ///< at most kMaxTcpData
};

/// What an IPv4 packet takes (RFC 791 3.1: 65,535 bytes, headers included).
inline constexpr std::size_t kMaxTcpData = 65535 - 20 - 20;

/// The headers that stand before a segment's data.
class TcpHeaders {
 public:
  /// An IPv4 (RFC 791) or IPv6 (RFC 8200) header and a TCP header (RFC 9293), with right lengths
  /// and checksums. A SYN offers the largest window there is (RFC 7323 2.3), so that nothing looks
  /// as if the window held it up.
  explicit TcpHeaders(const TcpSegment& segment);

  std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), size_}; }

 private:
  void Put8(std::uint8_t value) { bytes_[size_++] = value; }
  void Put16(std::uint32_t value);
  void Put32(std::uint32_t value);
  void PutAddress(const Endpoint& end, std::size_t bytes);
  void PutIpv4(const TcpSegment& segment, std::size_t tcp_bytes);
  void PutIpv6(const TcpSegment& segment, std::size_t tcp_bytes);
  void PutTcp(const TcpSegment& segment);
  void SetChecksum(std::size_t at, std::uint16_t checksum);

  std::array<std::uint8_t, 40 + 20 + 8> bytes_;
  std::size_t size_ = 0;
};

/// The internet checksum (RFC 1071) of what is added, in order.
class InternetSum {
 public:
  /// An even number of bytes, unless they are the last.
  void Add(const void* data, std::size_t bytes);
  /// A 16-bit number in network order.
  void Add16(std::uint32_t value);
  std::uint16_t Checksum() const;

 private:
  std::uint64_t sum_ = 0;  // of 32-bit words in this machine's order: RFC 1071 2 (B)
};

}  // namespace tlscope
