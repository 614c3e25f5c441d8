// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "processor/events/bus_events.h"
#include "processor/formats/format.h"
#include "processor/formats/header_line.h"
#include "processor/formats/text_options.h"

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
  std::string Dropped(std::uint64_t blocks, std::uint64_t bytes) const override;

 private:
  void AppendMessage(const MessageEvent& event, std::string& out);
  void AppendHead(const Message& message, std::string& out) const;

  TextFormatOptions options_;
  HeaderLine header_;
};

}  // namespace tlscope
