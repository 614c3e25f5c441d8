// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tlscope::pcapng {

// Blocks of a pcapng file (IETF draft-ietf-opsawg-pcapng; the sections named are those of version
// 02). Numbers are written least significant byte first, whatever this machine does, and every
// block begins and ends on 32 bits. Strings of options are UTF-8; what does not fit an option is
// left off at the end of a character.

/// What packets of an interface begin with (https://www.tcpdump.org/linktypes.html).
enum class LinkType : std::uint16_t {
  kRaw = 101,                ///< the IP header, of version 4 or 6
  kWiresharkUpperPdu = 252,  ///< tags that say what follows
};

/// Which way a packet went (4.3.1, epb_flags).
enum class PacketDirection : std::uint32_t { kUnsaid = 0, kInbound = 1, kOutbound = 2 };

/// What there is to say of a packet besides its bytes.
struct PacketInfo {
  std::uint32_t interface;    ///< as many interfaces stand before its own
  std::uint64_t unix_ns = 0;  ///< nanoseconds since 1970 UTC
  PacketDirection direction = PacketDirection::kUnsaid;
  std::string_view comment = {};  ///< empty: none
};

/// Appends the block that a file begins with (4.1), of a section as long as the file. An empty
/// `os` is left out.
void AppendSectionHeader(std::string_view application, std::string_view os, std::string& out);

/// Appends the description of an interface (4.2) whose times are in nanoseconds.
void AppendInterface(LinkType link, std::string_view name, std::string_view description,
                     std::string& out);

/// Appends a packet (4.3) made of `head` and `data`, together less than 4 GiB.
void AppendPacket(const PacketInfo& info, std::string_view head, std::string_view data,
                  std::string& out);

}  // namespace tlscope::pcapng
