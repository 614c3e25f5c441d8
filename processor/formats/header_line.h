// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "processor/events/bus_events.h"
#include "processor/formats/format.h"
#include "processor/text/utc_time.h"

namespace tlscope {

/// The line that stands in text and hex output for blocks that were refused.
std::string TextDropMarker(std::uint64_t blocks, std::uint64_t bytes);

/// Head, body and trailers together: what `Length` of a header line says.
std::size_t MessageBytes(const Message& message);

/// The lines of `Key:value` pairs with which text and hex output begin what they show of an event.
/// They begin with `Host:h, Agent:instance` where an agent is given. One thread at a time.
class HeaderLine {
 public:
  /// Bytes that one takes at most in practice: to be reserved once instead of growing.
  static constexpr std::size_t kUsualBytes = 384;

  /// `realtime_offset_ns`: CLOCK_REALTIME minus CLOCK_MONOTONIC.
  explicit HeaderLine(std::int64_t realtime_offset_ns) : time_(realtime_offset_ns) {}

  /// Appends all of a message's line but its end: a format may have more to say. `agent` may be
  /// null, here and below.
  void AppendMessage(const MessageEvent& event, const AgentIdentity* agent, std::string& out);

  /// Appends the line, its end included, of an event of which nothing follows: a frame, a part of a
  /// handshake, a loss, the rate limit. Nothing for all others.
  void AppendOther(const BusPayload& payload, const AgentIdentity* agent, std::string& out);

 private:
  void Append(const FrameEvent& event, const AgentIdentity* agent, std::string& out);
  void Append(const HandshakeEvent& event, const AgentIdentity* agent, std::string& out);
  void Append(const LossEvent& event, const AgentIdentity* agent, std::string& out);
  void Append(const RateLimitEvent& event, const AgentIdentity* agent, std::string& out);
  void AppendOrigin(const ConnectionInfo& connection, std::uint64_t ktime_ns, std::string_view uuid,
                    const AgentIdentity* agent, std::string& out);

  UtcTime time_;
};

}  // namespace tlscope
