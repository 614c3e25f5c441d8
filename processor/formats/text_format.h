// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processor/event_bus.h"
#include "processor/formats/format.h"
#include "processor/formats/text_options.h"
#include "processor/formats/utc_time.h"

namespace tlscope {

/// The text for people: one header line of `Key:value` pairs, then the message's bytes as they are
/// (a message of no known protocol that is not printable: a hex dump), then a newline. Losses get a
/// header line of their own; exchanges and connections print nothing.
///
/// Where what follows the header line is not the message's bytes, the header line says so:
/// `Hidden:N` (N bytes of body stand behind a marker), `Hex:true`, `Pretty:true`.
class TextFormat final : public Format {
 public:
  explicit TextFormat(const TextFormatOptions& options);

  void Append(const BusPayload& payload, std::string& out) override;

 private:
  void AppendMessage(const MessageEvent& event, std::string& out);
  void AppendFrame(const FrameEvent& event, std::string& out);
  void AppendHandshake(const HandshakeEvent& event, std::string& out);
  void AppendLoss(const LossEvent& event, std::string& out);
  void AppendRateLimit(const RateLimitEvent& event, std::string& out);
  void AppendOrigin(const ConnectionInfo& connection, std::uint64_t ktime_ns, std::string_view uuid,
                    std::string& out);
  void AppendHead(const Message& message, std::string& out) const;

  TextFormatOptions options_;
  UtcTime time_;
};

}  // namespace tlscope
