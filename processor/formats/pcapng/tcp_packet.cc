// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/tcp_packet.h"

#include <arpa/inet.h>

#include <cstring>

namespace tlscope {
namespace {

constexpr std::uint32_t kProtocolTcp = 6;
constexpr std::uint8_t kHops = 64;  // RFC 1700: the default time to live
constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;
constexpr std::size_t kTcpHeaderBytes = 20;
constexpr std::size_t kSynOptionBytes = 8;
constexpr std::uint32_t kWindow = 65535;
constexpr std::uint8_t kWindowScale = 14;  // RFC 7323 2.3: the largest

std::size_t AddressBytes(AddressFamily family) { return family == AddressFamily::kIpv4 ? 4 : 16; }

}  // namespace

void InternetSum::Add(const void* data, std::size_t bytes) {
  const auto* at = static_cast<const std::uint8_t*>(data);
  std::uint64_t word = 0;
  for (; bytes >= sizeof word; at += sizeof word, bytes -= sizeof word) {
    std::memcpy(&word, at, sizeof word);
    sum_ += (word & 0xffff'ffff) + (word >> 32);
  }
  if (bytes == 0) return;
  word = 0;
  std::memcpy(&word, at, bytes);
  sum_ += (word & 0xffff'ffff) + (word >> 32);
}

void InternetSum::Add16(std::uint32_t value) { sum_ += htons(static_cast<std::uint16_t>(value)); }

std::uint16_t InternetSum::Checksum() const {
  std::uint64_t sum = sum_;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return ntohs(static_cast<std::uint16_t>(~sum));
}

TcpHeaders::TcpHeaders(const TcpSegment& segment) : bytes_{} {
  const bool syn = (segment.flags & kTcpSyn) != 0;
  const std::size_t tcp_bytes = kTcpHeaderBytes + (syn ? kSynOptionBytes : 0) + segment.data.size();
  if (segment.family == AddressFamily::kIpv4) {
    PutIpv4(segment, tcp_bytes);
  } else {
    PutIpv6(segment, tcp_bytes);
  }
  const std::size_t tcp_at = size_;
  PutTcp(segment);
  // RFC 9293 3.1, RFC 8200 8.1: over the addresses, the protocol and the length, too.
  InternetSum sum;
  sum.Add(segment.source.address.data(), AddressBytes(segment.family));
  sum.Add(segment.destination.address.data(), AddressBytes(segment.family));
  sum.Add16(kProtocolTcp);
  sum.Add16(static_cast<std::uint32_t>(tcp_bytes));
  sum.Add(bytes_.data() + tcp_at, size_ - tcp_at);
  sum.Add(segment.data.data(), segment.data.size());
  SetChecksum(tcp_at + 16, sum.Checksum());
}

void TcpHeaders::Put16(std::uint32_t value) {
  Put8(static_cast<std::uint8_t>(value >> 8));
  Put8(static_cast<std::uint8_t>(value));
}

void TcpHeaders::Put32(std::uint32_t value) {
  Put16(value >> 16);
  Put16(value);
}

void TcpHeaders::PutAddress(const Endpoint& end, std::size_t bytes) {
  std::memcpy(bytes_.data() + size_, end.address.data(), bytes);
  size_ += bytes;
}

void TcpHeaders::PutIpv4(const TcpSegment& segment, std::size_t tcp_bytes) {
  Put8(0x45);  // version 4, a header of five words
  Put8(0);
  Put16(static_cast<std::uint32_t>(kIpv4HeaderBytes + tcp_bytes));
  Put16(0);
  Put16(0x4000);  // do not fragment: then RFC 6864 4.1 lets the identification be anything
  Put8(kHops);
  Put8(kProtocolTcp);
  Put16(0);
  PutAddress(segment.source, AddressBytes(segment.family));
  PutAddress(segment.destination, AddressBytes(segment.family));
  InternetSum sum;
  sum.Add(bytes_.data(), size_);
  SetChecksum(10, sum.Checksum());
}

void TcpHeaders::PutIpv6(const TcpSegment& segment, std::size_t tcp_bytes) {
  Put32(6U << 28);
  Put16(static_cast<std::uint32_t>(tcp_bytes));
  Put8(kProtocolTcp);
  Put8(kHops);
  PutAddress(segment.source, AddressBytes(segment.family));
  PutAddress(segment.destination, AddressBytes(segment.family));
  static_assert(kIpv6HeaderBytes == 8 + 2 * 16);
}

void TcpHeaders::PutTcp(const TcpSegment& segment) {
  const bool syn = (segment.flags & kTcpSyn) != 0;
  Put16(segment.source.port);
  Put16(segment.destination.port);
  Put32(segment.sequence);
  Put32(segment.acknowledgement);
  Put8(static_cast<std::uint8_t>((kTcpHeaderBytes + (syn ? kSynOptionBytes : 0)) / 4 << 4));
  Put8(segment.flags);
  Put16(kWindow);
  Put16(0);
  Put16(0);
  if (!syn) return;
  Put8(2);  // RFC 9293 3.2: the maximum segment size
  Put8(4);
  Put16(static_cast<std::uint32_t>(kMaxTcpData));
  Put8(3);  // RFC 7323 2.2: the window scale
  Put8(3);
  Put8(kWindowScale);
  Put8(0);
}

void TcpHeaders::SetChecksum(std::size_t at, std::uint16_t checksum) {
  bytes_[at] = static_cast<std::uint8_t>(checksum >> 8);
  bytes_[at + 1] = static_cast<std::uint8_t>(checksum);
}

}  // namespace tlscope
