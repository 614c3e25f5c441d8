// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processor/event_bus.h"
#include "processor/formats/format.h"
#include "processor/formats/utc_time.h"

namespace tlscope {

/// How text is written.
struct TextFormatOptions {
  /// CLOCK_REALTIME minus CLOCK_MONOTONIC.
  std::int64_t realtime_offset_ns = 0;
  /// For terminals: control bytes of messages are shown as \xNN instead of acting on the terminal.
  bool escape_control = false;
};

/// The text for people: one header line of `Key:value` pairs, then the message's bytes as they are
/// (a message of no known protocol that is not printable: a hex dump), then a newline. Losses get a
/// header line of their own; exchanges and connections print nothing.
class TextFormat final : public Format {
 public:
  explicit TextFormat(const TextFormatOptions& options);

  void Append(const BusPayload& payload, std::string& out) override;

 private:
  void AppendMessage(const MessageEvent& event, std::string& out);
  void AppendLoss(const LossEvent& event, std::string& out);
  void AppendOrigin(const ConnectionInfo& connection, std::uint64_t ktime_ns, std::string_view uuid,
                    std::string& out);
  void AppendBody(const Message& message, std::string& out) const;
  void AppendText(std::string_view bytes, std::string& out) const;

  bool escape_control_;
  UtcTime time_;
};

}  // namespace tlscope
