// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processor/base/clock.h"
#include "processor/formats/format.h"
#include "processor/text/utc_time.h"

namespace tlscope {

/// JSON Lines: one flat object a line for each message, exchange, loss, frame, part of a handshake,
/// piece of plaintext, connection, protocol found out, and report of the rate limit. What members
/// there are and mean is documented, and pinned, by proto/output.schema.json:
/// - `time` and `kind` come first; what is not known is left out, as are flags that are false;
/// - bytes are text under their name when they are UTF-8, else in base64 under `<name>_base64`.
/// Every line is valid JSON in UTF-8 whatever was captured, and acts on no terminal.
class JsonFormat final : public Format {
 public:
  /// `realtime_offset_ns`: CLOCK_REALTIME minus CLOCK_MONOTONIC. `clock` tells when lines were
  /// dropped.
  explicit JsonFormat(std::int64_t realtime_offset_ns, WallClock clock = UnixNs)
      : time_(realtime_offset_ns), clock_(clock) {}

  void Append(const BusPayload& payload, std::string& out) override;
  std::string Dropped(std::uint64_t blocks, std::uint64_t bytes) const override;

 private:
  /// Begins the object with what all have. What follows begins an object, too, and leaves it open.
  void Begin(std::string_view kind, std::uint64_t ktime_ns, std::string& out);
  void AppendObject(const MessageEvent& event, std::string& out);
  void AppendObject(const ExchangeEvent& event, std::string& out);
  void AppendObject(const FrameEvent& event, std::string& out);
  void AppendObject(const PlaintextEvent& event, std::string& out);
  void AppendObject(const HandshakeEvent& event, std::string& out);
  void AppendObject(const ProtocolEvent& event, std::string& out);
  void AppendObject(const ConnectionEvent& event, std::string& out);
  void AppendObject(const LossEvent& event, std::string& out);
  void AppendObject(const RateLimitEvent& event, std::string& out);

  UtcTime time_;
  const WallClock clock_;
};

}  // namespace tlscope
