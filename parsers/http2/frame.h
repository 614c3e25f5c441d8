// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope::http2 {

/// RFC 9113 6, RFC 7838 4, RFC 8336 2, RFC 9218 7.1. Any other number is a frame to be ignored.
enum class FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
  kAltSvc = 10,
  kOrigin = 12,
  kPriorityUpdate = 16,
};

inline constexpr std::uint8_t kFlagEndStream = 0x1;  ///< DATA, HEADERS
inline constexpr std::uint8_t kFlagAck = 0x1;        ///< SETTINGS, PING
inline constexpr std::uint8_t kFlagEndHeaders = 0x4;
inline constexpr std::uint8_t kFlagPadded = 0x8;
inline constexpr std::uint8_t kFlagPriority = 0x20;

inline constexpr std::size_t kFrameHeaderBytes = 9;
inline constexpr std::uint32_t kDefaultMaxFrameBytes = 16384;

/// RFC 9113 3.4: what a client begins with.
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// RFC 9113 4.1.
struct FrameHeader {
  std::uint32_t length = 0;  ///< of the payload
  FrameType type = FrameType::kData;
  std::uint8_t flags = 0;
  std::uint32_t stream_id = 0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

/// The frame header that the first kFrameHeaderBytes of `bytes` are. The reserved bit is ignored.
FrameHeader ReadFrameHeader(std::string_view bytes);

/// The 4 bytes at `at` in network byte order.
std::uint32_t ReadUint32(std::string_view bytes, std::size_t at);

/// Whether a receiver may go on after this header: on the right kind of stream, and as long as its
/// type demands (RFC 9113 6). Where it may not, the connection is over, or these are no frames.
bool ObeysRules(const FrameHeader& frame);

/// How many payload bytes come before the content: pad length, priority, promised stream.
std::size_t PrefixBytes(const FrameHeader& frame);

/// Whether the payload holds a part of a header block.
bool CarriesHeaders(FrameType type);

/// "DATA", "HEADERS", ...; empty for a type that is not known.
std::string_view FrameTypeName(FrameType type);

}  // namespace tlscope::http2
