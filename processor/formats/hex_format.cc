// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/hex_format.h"

#include <variant>

#include "processor/text/hex_dump.h"

namespace tlscope {

void HexFormat::Append(const BusPayload& payload, std::string& out) {
  if (const auto* message = std::get_if<MessageEvent>(&payload)) {
    AppendMessage(*message, out);
  } else {
    header_.AppendOther(payload, agent(), out);
  }
}

std::string HexFormat::Dropped(std::uint64_t blocks, std::uint64_t bytes) const {
  return TextDropMarker(blocks, bytes);
}

void HexFormat::AppendMessage(const MessageEvent& event, std::string& out) {
  const Message& message = event.message;
  header_.AppendMessage(event, agent(), out);
  out.push_back('\n');
  // A row may hold the end of one part and the beginning of the next.
  std::string bytes;
  bytes.reserve(MessageBytes(message));
  bytes += message.head;
  bytes += message.body;
  bytes += message.trailers;
  AppendHexDump(bytes, 0, out);
  out += bytes.empty() ? "\n" : "\n\n";
}

}  // namespace tlscope
