// SPDX-License-Identifier: Apache-2.0
#include "parsers/websocket/frame.h"

#include <algorithm>

namespace tlscope::websocket {
namespace {

constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;
constexpr std::uint64_t kMaxControlBytes = 125;
constexpr std::size_t kMaskBytes = 4;

unsigned Byte(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

bool IsKnown(unsigned opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

std::size_t LengthBytes(unsigned length) {
  if (length == kLength16) return 2;
  return length == kLength64 ? 8 : 0;
}

}  // namespace

std::size_t HeaderBytes(std::string_view bytes) {
  if (bytes.size() < 2) return 2;
  const bool masked = (Byte(bytes, 1) & 0x80U) != 0;
  return 2 + LengthBytes(Byte(bytes, 1) & 0x7fU) + (masked ? kMaskBytes : 0);
}

bool ReadHeader(std::string_view bytes, FrameHeader& header) {
  const unsigned first = Byte(bytes, 0);
  const unsigned length = Byte(bytes, 1) & 0x7fU;
  if (!IsKnown(first & 0x0fU)) return false;
  header.opcode = static_cast<Opcode>(first & 0x0fU);
  header.fin = (first & 0x80U) != 0;
  header.rsv = static_cast<std::uint8_t>(first >> 4U & 7U);
  header.masked = (Byte(bytes, 1) & 0x80U) != 0;
  header.payload_bytes = LengthBytes(length) == 0 ? length : 0;
  for (std::size_t at = 2; at < 2 + LengthBytes(length); ++at) {
    header.payload_bytes = header.payload_bytes << 8U | Byte(bytes, at);
  }
  header.mask = {};
  if (header.masked) {
    std::copy_n(bytes.end() - kMaskBytes, kMaskBytes, header.mask.begin());
  }
  if (header.control()) return header.fin && header.payload_bytes <= kMaxControlBytes;
  return header.payload_bytes >> 63U == 0;
}

void Unmask(std::string_view input, const std::array<char, 4>& mask, std::uint64_t offset,
            char* output) {
  std::array<char, 4> turned;
  for (std::size_t at = 0; at < turned.size(); ++at) turned[at] = mask[(offset + at) % 4];
  for (std::size_t at = 0; at < input.size(); ++at) {
    output[at] = static_cast<char>(input[at] ^ turned[at % 4]);
  }
}

}  // namespace tlscope::websocket
