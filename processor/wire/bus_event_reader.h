// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/core/message.h"
#include "processor/events/bus_events.h"

namespace tlscope {

namespace v1 {
class BusEvent;
class Connection;
class MessageDecoded;
}  // namespace v1

/// What a message holds, where it does not stand in its MessageDecoded.
struct MessageContent {
  std::string_view head;
  std::string_view body;
  std::string_view trailers;
};

/// Turns what came from a bus back into what went onto it, for the formats: times are nanoseconds
/// since 1970 UTC instead of CLOCK_MONOTONIC, so that a format's offset is 0. One thread.
class BusEventReader {
 public:
  /// Borrows from `event` and from the reader, until the next call. Null for an event of a kind
  /// that is not known, or without its detail. Numbers out of their range become 0.
  const BusPayload* Read(const v1::BusEvent& event);
  /// The same for a message whose content stands elsewhere. The payload has a copy of it.
  const BusPayload* Read(const v1::BusEvent& event, const MessageContent& content);

 private:
  void ReadConnection(const v1::Connection& connection);
  void ReadMessage(const v1::MessageDecoded& message);
  bool ReadOfConnection(const v1::BusEvent& event);
  bool ReadOfHandshake(const v1::BusEvent& event);
  bool ReadOfAgent(const v1::BusEvent& event);
  bool ReadOfHealth(const v1::BusEvent& event);

  // What payloads borrow.
  ConnectionInfo connection_;
  std::string_view uuid_;
  Message message_;
  FrameRecord frame_{};
  HandshakeFacts told_;
  std::vector<std::string_view> offers_;
  ConnDataEvent conn_event_;
  std::vector<std::string> arguments_;
  std::vector<std::pair<std::string, std::string>> labels_;
  std::optional<BusPayload> payload_;
};

}  // namespace tlscope
