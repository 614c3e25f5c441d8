// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processor/base/clock.h"
#include "processor/events/bus_events.h"
#include "processor/formats/format.h"
#include "processor/text/utc_time.h"

namespace tlscope {

/// One line per exchange, for reading down a screen and for awk: nine columns, with one space
/// between them and none inside, `-` for what is not known:
///
///   time pid comm peer method url status bytes ms
///
/// time: the request's first byte, UTC. peer: the far end of the socket. bytes: of the response's
/// body as it was sent. ms: from the request's first byte to the response's last. Bytes that a
/// column cannot hold are written \xNN. Lost plaintext is a line of method LOST with its bytes;
/// events that the rate limit dropped are one of method LIMITED with their number, those that a
/// subscriber was too slow for one of method MISSED, and lines that the sink did not take one of
/// method DROPPED. Of an agent that is named, a tenth column says which it is, host/instance, but
/// not of lines dropped, which may have been of any.
class LineFormat final : public Format {
 public:
  /// `realtime_offset_ns`: CLOCK_REALTIME minus CLOCK_MONOTONIC. `clock` tells when lines were
  /// dropped.
  explicit LineFormat(std::int64_t realtime_offset_ns, WallClock clock = UnixNs)
      : time_(realtime_offset_ns), clock_(clock) {}

  void Append(const BusPayload& payload, std::string& out) override;
  std::string Dropped(std::uint64_t blocks, std::uint64_t bytes) const override;

 private:
  void AppendRateLimit(const RateLimitEvent& event, std::string& out);
  void AppendExchange(const ExchangeEvent& event, std::string& out);
  void AppendLoss(const LossEvent& event, std::string& out);
  void AppendOrigin(const ConnectionInfo& connection, std::uint64_t ktime_ns, std::string& out);
  void EndLine(std::string& out) const;

  UtcTime time_;
  WallClock clock_;
};

}  // namespace tlscope
