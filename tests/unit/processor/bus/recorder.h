// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "processor/bus/event_bus.h"

namespace tlscope::testing {

/// Keeps a copy of everything that comes over a bus.
class Recorder final : public BusSubscriber {
 public:
  struct MessageCopy {
    Topic topic;
    ConnectionInfo connection;
    DataType direction;
    std::string uuid;
    Message message;
  };
  struct ExchangeCopy {
    std::string method;
    std::string target;
    std::string host;
    std::uint16_t status;
    std::uint64_t request_bytes;
    std::uint64_t response_bytes;
    std::uint64_t request_ktime_ns;
    std::uint64_t first_byte_ktime_ns;
    std::uint64_t last_byte_ktime_ns;
  };
  struct LossCopy {
    DataType direction;
    std::string uuid;
    std::uint64_t bytes;
    std::uint64_t ktime_ns;
  };

  struct HandshakeCopy {
    ConnectionInfo connection;
    SSLHandshakeEvent::Kind kind;
    HandshakeFacts told;
    std::vector<std::string> offers;
  };

  void OnBusEvent(Topic topic, const BusPayload& payload) noexcept override {
    topics.push_back(topic);
    if (const auto* message = std::get_if<MessageEvent>(&payload)) {
      messages.push_back({topic, message->connection, message->direction,
                          std::string(message->uuid), message->message});
    } else if (const auto* exchange = std::get_if<ExchangeEvent>(&payload)) {
      exchanges.push_back({std::string(exchange->method), std::string(exchange->target),
                           std::string(exchange->host), exchange->status, exchange->request_bytes,
                           exchange->response_bytes, exchange->request_ktime_ns,
                           exchange->first_byte_ktime_ns, exchange->last_byte_ktime_ns});
    } else if (const auto* loss = std::get_if<LossEvent>(&payload)) {
      losses.push_back({loss->direction, std::string(loss->uuid), loss->bytes, loss->ktime_ns});
    } else if (const auto* handshake = std::get_if<HandshakeEvent>(&payload)) {
      handshakes.push_back({handshake->connection,
                            handshake->kind,
                            handshake->told,
                            {handshake->offers.begin(), handshake->offers.end()}});
    } else if (const auto* warning = std::get_if<WarningEvent>(&payload)) {
      warnings.emplace_back(warning->text);
    }
  }

  std::vector<Topic> topics;  ///< of all events, in order
  std::vector<MessageCopy> messages;
  std::vector<ExchangeCopy> exchanges;
  std::vector<LossCopy> losses;
  std::vector<HandshakeCopy> handshakes;
  std::vector<std::string> warnings;
};

}  // namespace tlscope::testing
