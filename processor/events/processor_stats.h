// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "parsers/core/message.h"

namespace tlscope {

/// Number of values of ParserType: the size of a table indexed by it.
inline constexpr std::size_t kParserTypes = static_cast<std::size_t>(ParserType::kWebSocket) + 1;

/// What one EventProcessor has done since it was made. Plain numbers, read on its thread.
struct ProcessorStats {
  std::uint64_t records = 0;             ///< handed in, the undecodable ones included
  std::uint64_t decode_errors = 0;       ///< records refused by the decoder
  std::uint64_t data_events = 0;         ///< pieces of plaintext
  std::uint64_t data_bytes = 0;          ///< plaintext bytes in them
  std::uint64_t connection_events = 0;   ///< sockets opened or closed
  std::uint64_t ssl_ends = 0;            ///< SSL objects freed
  std::uint64_t handshake_events = 0;    ///< parts of handshakes
  std::uint64_t handshakes_evicted = 0;  ///< forgotten to make room for another
  std::uint64_t filtered_events = 0;     ///< pieces of connections that have no wanted port
  std::uint64_t filtered_bytes = 0;      ///< plaintext bytes in them

  std::array<std::uint64_t, kParserTypes> messages{};  ///< emitted, by ParserType
  std::uint64_t exchanges = 0;       ///< requests published together with their responses
  std::uint64_t exchanges_lost = 0;  ///< halves given up because too many were waiting
  std::uint64_t cut_bytes = 0;       ///< content bytes seen but not kept

  std::uint64_t gaps = 0;           ///< places where plaintext never reached us
  std::uint64_t gap_bytes = 0;      ///< and how much of it
  std::uint64_t overlaps = 0;       ///< pieces that repeated bytes seen before
  std::uint64_t overlap_bytes = 0;  ///< and how many, all dropped

  std::uint64_t workers_created = 0;
  std::uint64_t workers_ended = 0;    ///< for any reason, eviction included
  std::uint64_t workers_evicted = 0;  ///< ended early to make room for another
  std::uint64_t workers_active = 0;   ///< now
};

}  // namespace tlscope
