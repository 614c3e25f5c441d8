// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace tlscope {

/// What clients of the broker may take of the agent. Each is a client's own; README.md says what
/// happens beyond.
struct BrokerLimits {
  /// Of one message of a client.
  std::size_t message_bytes = std::size_t{64} << 10;
  /// Clients at a time.
  std::size_t clients = 64;
  /// Of these, places that only root and the agent's own user get.
  std::size_t reserved_clients = 8;
  std::size_t subscriptions = 32;
  /// Of one subscription: as many topics, as many tags and as many kinds.
  std::size_t patterns = 64;
  /// Waiting to be read by the client; one event that is larger is sent all the same.
  std::size_t outgoing_bytes = std::size_t{1} << 20;
  /// From the first byte of a message to its last; and for a client that was sent off to read why.
  std::chrono::milliseconds message_deadline{10'000};
};

}  // namespace tlscope
