// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope {

/// What agents may take of a collector. Each is one connection's own but for `clients`.
struct CollectorLimits {
  /// Of one entry. Messages have 16 MiB of body at most by default.
  std::size_t message_bytes = std::size_t{64} << 20;
  std::size_t clients = 256;
  /// From the connection to the whole of its Hello, a handshake of TLS included.
  std::chrono::milliseconds hello_deadline{10'000};
  /// How often either side says that it is there.
  std::chrono::milliseconds heartbeat{15'000};
  /// A side that has said nothing for so many of these is gone.
  int missed_heartbeats = 3;
  /// How long what was added waits for company before it is stored.
  std::chrono::milliseconds linger{50};
  /// Between attempts to store what could not be.
  std::chrono::milliseconds retry{50};
  std::chrono::milliseconds longest_retry{2'000};
};

/// Why a connection was closed by the collector.
enum class RefusalCause : std::uint8_t {
  kTooManyClients,
  kNoHello,    ///< in time, or not first
  kMalformed,  ///< no message, or one that makes no sense
  kTooLarge,
  kSequence,  ///< 0, or not above the one before
  kSilent,    ///< for three heartbeats
  kReplaced,  ///< the same stream comes over a newer connection
  kTls,       ///< no handshake
};
inline constexpr std::size_t kRefusalCauses = 8;

constexpr std::string_view RefusalName(RefusalCause cause) {
  constexpr std::array<std::string_view, kRefusalCauses> kNames = {
      "too many clients", "no hello",         "malformed",       "too large",
      "out of sequence",  "nothing received", "connected again", "TLS handshake"};
  return kNames[static_cast<std::size_t>(cause)];
}

}  // namespace tlscope
