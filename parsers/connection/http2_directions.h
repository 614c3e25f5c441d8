// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace tlscope::http2 {

class MessageAssembler;

/// Which end of the connection a direction comes from.
enum class Sender : std::uint8_t { kUnknown, kClient, kServer };

/// What lets the two directions of one connection find each other. Each is entered while it lives.
struct Shared {
  std::array<MessageAssembler*, 2> directions{};
};

}  // namespace tlscope::http2
