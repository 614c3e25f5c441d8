// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope::websocket {

/// RFC 6455 11.8.
enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

inline constexpr std::uint8_t kRsv1 = 4;  ///< in FrameHeader::rsv
inline constexpr std::size_t kMaxHeaderBytes = 14;

/// What stands before a frame's payload (RFC 6455 5.2).
struct FrameHeader {
  Opcode opcode = Opcode::kContinuation;
  bool fin = false;
  std::uint8_t rsv = 0;  ///< RSV1 to RSV3, from the highest bit of three
  bool masked = false;
  std::array<char, 4> mask{};
  std::uint64_t payload_bytes = 0;

  bool control() const { return opcode >= Opcode::kClose; }
};

/// How many bytes the header that begins with `bytes` (at least 1) takes, as far as they tell: when
/// they are fewer, more are needed.
std::size_t HeaderBytes(std::string_view bytes);

/// Reads the header that is exactly `bytes`. False where no frame can begin so: an opcode that is
/// reserved (5.2), a control frame that is fragmented or longer than 125 bytes (5.5), a length with
/// its highest bit set. Lengths in more bytes than they need are taken.
bool ReadHeader(std::string_view bytes, FrameHeader& header);

/// Writes `input`, of which `offset` bytes of the payload came before, to `output` without its mask
/// (5.3).
void Unmask(std::string_view input, const std::array<char, 4>& mask, std::uint64_t offset,
            char* output);

}  // namespace tlscope::websocket
