// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tlscope::testing {

/// The number that `bytes` are, the first one counting most.
inline std::uint64_t Big(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

/// The number that `bytes` are, the first one counting least.
inline std::uint64_t Little(std::string_view bytes) {
  return Big(std::string(bytes.rbegin(), bytes.rend()));
}

/// What a receiver computes over headers and data, pairs of bytes at a time: 0 when all is well.
inline std::uint64_t ReceivedChecksum(std::string bytes) {
  if (bytes.size() % 2 != 0) bytes.push_back('\0');
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    sum += Big(std::string_view(bytes).substr(at, 2));
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum ^ 0xffff;
}

/// A TCP packet as a receiver understands it.
struct ReadTcp {
  std::uint64_t version = 0;
  std::string source, destination;  ///< addresses, as bytes
  std::uint64_t source_port = 0, destination_port = 0;
  std::uint64_t sequence = 0, acknowledgement = 0, flags = 0;
  std::string data;
};

/// Reads an IP packet and checks every length and checksum in it.
inline ReadTcp ReadPacket(std::string_view packet) {
  ReadTcp read;
  read.version = Big(packet.substr(0, 1)) >> 4;
  std::string_view tcp;
  if (read.version == 4) {
    EXPECT_EQ(Big(packet.substr(0, 1)), 0x45U);
    EXPECT_EQ(Big(packet.substr(2, 2)), packet.size());
    EXPECT_EQ(Big(packet.substr(9, 1)), 6U);
    EXPECT_EQ(ReceivedChecksum(std::string(packet.substr(0, 20))), 0U);
    read.source = packet.substr(12, 4);
    read.destination = packet.substr(16, 4);
    tcp = packet.substr(20);
  } else {
    EXPECT_EQ(read.version, 6U);
    EXPECT_EQ(Big(packet.substr(4, 2)), packet.size() - 40);
    EXPECT_EQ(Big(packet.substr(6, 1)), 6U);
    read.source = packet.substr(8, 16);
    read.destination = packet.substr(24, 16);
    tcp = packet.substr(40);
  }
  const std::string tcp_bytes{static_cast<char>(tcp.size() >> 8), static_cast<char>(tcp.size())};
  const std::string pseudo =
      read.source + read.destination + std::string("\0\x06", 2) + tcp_bytes + std::string(tcp);
  EXPECT_EQ(ReceivedChecksum(pseudo), 0U);
  read.source_port = Big(tcp.substr(0, 2));
  read.destination_port = Big(tcp.substr(2, 2));
  read.sequence = Big(tcp.substr(4, 4));
  read.acknowledgement = Big(tcp.substr(8, 4));
  read.flags = Big(tcp.substr(13, 1));
  read.data = tcp.substr((Big(tcp.substr(12, 1)) >> 4) * 4);
  return read;
}

/// A block of a pcapng file: its fixed part and its options, in order.
struct ReadBlock {
  std::uint64_t type = 0;
  std::string fixed;
  std::vector<std::pair<std::uint64_t, std::string>> options;

  std::string Option(std::uint64_t code) const {
    for (const auto& [found, value] : options) {
      if (found == code) return value;
    }
    return {};
  }
  // Of packets:
  std::uint64_t interface() const { return Little(std::string_view(fixed).substr(0, 4)); }
  std::uint64_t unix_ns() const {
    const std::string_view all = fixed;
    return Little(all.substr(4, 4)) << 32 | Little(all.substr(8, 4));
  }
  std::string packet() const {
    return fixed.substr(20, Little(std::string_view(fixed).substr(12, 4)));
  }
  std::string comment() const { return Option(1); }
  ReadTcp tcp() const { return ReadPacket(packet()); }
};

/// Reads the options at the end of a block.
inline void ReadOptions(std::string_view bytes, ReadBlock& block) {
  while (!bytes.empty()) {
    ASSERT_GE(bytes.size(), 4U);
    const std::uint64_t code = Little(bytes.substr(0, 2));
    const std::uint64_t length = Little(bytes.substr(2, 2));
    const std::uint64_t padded = (length + 3) / 4 * 4;
    ASSERT_GE(bytes.size(), 4 + padded);
    EXPECT_EQ(bytes.substr(4 + length, padded - length), std::string(padded - length, '\0'));
    if (code == 0) {
      EXPECT_EQ(bytes.size(), 4U) << "something follows the end of the options";
      return;
    }
    block.options.emplace_back(code, bytes.substr(4, length));
    bytes.remove_prefix(4 + padded);
  }
}

/// Reads whole blocks, and checks what the format demands of their layout.
inline std::vector<ReadBlock> ReadBlocks(std::string_view file) {
  std::vector<ReadBlock> blocks;
  while (!file.empty()) {
    ReadBlock block;
    block.type = Little(file.substr(0, 4));
    const std::uint64_t length = Little(file.substr(4, 4));
    EXPECT_EQ(length % 4, 0U);
    if (length < 12 || length > file.size()) {
      ADD_FAILURE() << "a block of " << length << " bytes where " << file.size() << " are left";
      return blocks;
    }
    EXPECT_EQ(Little(file.substr(length - 4, 4)), length);
    const std::string_view body = file.substr(8, length - 12);
    std::uint64_t fixed = body.size();
    if (block.type == 0x0a0d0d0a) fixed = 16;
    if (block.type == 1) fixed = 8;
    if (block.type == 6) fixed = 20 + (Little(body.substr(12, 4)) + 3) / 4 * 4;
    block.fixed = body.substr(0, fixed);
    ReadOptions(body.substr(fixed), block);
    blocks.push_back(std::move(block));
    file.remove_prefix(length);
  }
  return blocks;
}

/// The packets of an interface.
inline std::vector<ReadBlock> PacketsOf(std::string_view file, std::uint64_t interface = 0) {
  std::vector<ReadBlock> packets;
  for (ReadBlock& block : ReadBlocks(file)) {
    if (block.type == 6 && block.interface() == interface) packets.push_back(std::move(block));
  }
  return packets;
}

}  // namespace tlscope::testing
