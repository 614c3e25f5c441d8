// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processor/event_bus.h"
#include "processor/formats/format.h"
#include "processor/formats/utc_time.h"

namespace tlscope {

/// One line per exchange, for reading down a screen and for awk: nine columns, always, with one
/// space between them and none inside, `-` for what is not known:
///
///   time pid comm peer method url status bytes ms
///
/// time: the request's first byte, UTC. peer: the far end of the socket. bytes: of the response's
/// body as it was sent. ms: from the request's first byte to the response's last. Bytes that a
/// column cannot hold are written \xNN. Lost plaintext is a line of method LOST with its bytes;
/// events that the rate limit dropped are one of method LIMITED with their number, and those that a
/// subscriber was too slow for one of method MISSED.
class LineFormat final : public Format {
 public:
  /// `realtime_offset_ns`: CLOCK_REALTIME minus CLOCK_MONOTONIC.
  explicit LineFormat(std::int64_t realtime_offset_ns) : time_(realtime_offset_ns) {}

  void Append(const BusPayload& payload, std::string& out) override;

 private:
  void AppendExchange(const ExchangeEvent& event, std::string& out);
  void AppendLoss(const LossEvent& event, std::string& out);
  void AppendOrigin(const ConnectionInfo& connection, std::uint64_t ktime_ns, std::string& out);

  UtcTime time_;
};

}  // namespace tlscope
