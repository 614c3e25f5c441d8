// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/websocket/frame.h"
#include "tests/unit/parsers/content/compressed.h"

namespace tlscope::testing_support {

/// What a frame that is built has besides its payload.
struct FrameSpec {
  websocket::Opcode opcode = websocket::Opcode::kText;
  bool fin = true;
  std::uint8_t rsv = 0;
  bool masked = false;
};

/// One frame (RFC 6455 5.2), its length in as few bytes as it takes.
inline std::string Frame(const FrameSpec& spec, std::string_view payload) {
  std::string frame;
  const auto push = [&frame](std::uint64_t byte) { frame += static_cast<char>(byte & 0xffU); };
  push((spec.fin ? 0x80U : 0U) | std::uint64_t{spec.rsv} << 4U |
       static_cast<unsigned>(spec.opcode));
  const std::uint64_t mask_bit = spec.masked ? 0x80U : 0U;
  if (payload.size() < 126) {
    push(mask_bit | payload.size());
  } else if (payload.size() < 65536) {
    push(mask_bit | 126U);
    for (unsigned shift = 16; shift != 0; shift -= 8) push(payload.size() >> (shift - 8));
  } else {
    push(mask_bit | 127U);
    for (unsigned shift = 64; shift != 0; shift -= 8) push(payload.size() >> (shift - 8));
  }
  if (!spec.masked) return frame.append(payload);
  constexpr std::array<char, 4> kMask = {'\x37', '\xfa', '\x21', '\x3d'};
  frame.append(kMask.data(), kMask.size());
  std::string coded(payload.size(), '\0');
  websocket::Unmask(payload, kMask, 0, coded.data());
  return frame + coded;
}

/// One side's permessage-deflate (RFC 7692 7.2.1).
class MessageDeflater {
 public:
  explicit MessageDeflater(int window_bits = 15) : compressor_(-window_bits) {}

  std::string Deflate(std::string_view message) {
    std::string out = compressor_.Compress(message, Z_SYNC_FLUSH);
    out.resize(out.size() - 4);
    return out;
  }

  /// The next message shares nothing with those before.
  void Forget() { compressor_.Reset(); }

 private:
  Compressor compressor_;
};

}  // namespace tlscope::testing_support
