// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/text_format.h"

#include <algorithm>
#include <cstddef>
#include <variant>

#include "parsers/parser_registry.h"
#include "processor/formats/decimal.h"
#include "processor/formats/endpoint_text.h"
#include "processor/formats/hex_dump.h"
#include "processor/formats/printable.h"

namespace tlscope {
namespace {

// Bytes a header line takes at most in practice: reserved once instead of growing.
constexpr std::size_t kHeaderBytes = 384;

void AppendField(std::string_view key, std::uint64_t value, std::string& out) {
  out += key;
  AppendDecimal(value, out);
}

void AppendGapMarker(std::uint64_t bytes, std::string& out) {
  out += "\n[tlscope: ";
  if (bytes != 0) {
    AppendDecimal(bytes, out);
    out.push_back(' ');
  }
  out += "bytes lost]\n";
}

std::uint64_t LostBytes(const Message& message) {
  std::uint64_t bytes = 0;
  for (const BodyGap& gap : message.gaps) bytes += gap.bytes;
  return bytes;
}

}  // namespace

TextFormat::TextFormat(const TextFormatOptions& options)
    : escape_control_(options.escape_control), time_(options.realtime_offset_ns) {}

void TextFormat::Append(const BusPayload& payload, std::string& out) {
  if (const auto* message = std::get_if<MessageEvent>(&payload)) {
    AppendMessage(*message, out);
  } else if (const auto* loss = std::get_if<LossEvent>(&payload)) {
    AppendLoss(*loss, out);
  }
}

void TextFormat::AppendMessage(const MessageEvent& event, std::string& out) {
  const Message& message = event.message;
  const std::size_t length = message.head.size() + message.body.size() + message.trailers.size();
  out.reserve(out.size() + kHeaderBytes + length);
  AppendOrigin(event.connection, message.first_ktime_ns, event.uuid, out);
  out += ParserName(message.parser);
  AppendField(", Type:", static_cast<std::uint64_t>(message.parser), out);
  AppendField(", Length:", length, out);
  if (!message.complete) out += ", Incomplete:true";
  if (message.resynchronised) out += ", Resynchronised:true";
  if (!message.gaps.empty()) AppendField(", Lost:", LostBytes(message), out);
  if (message.cut_bytes != 0) AppendField(", Cut:", message.cut_bytes, out);
  out.push_back('\n');

  AppendText(message.head, out);
  AppendBody(message, out);
  AppendText(message.trailers, out);
  out.push_back('\n');
}

void TextFormat::AppendLoss(const LossEvent& event, std::string& out) {
  AppendOrigin(event.connection, event.ktime_ns, event.uuid, out);
  AppendField("Lost, Type:0, Length:0, Lost:", event.bytes, out);
  out.push_back('\n');
}

/// The header line up to and including `Name:`.
void TextFormat::AppendOrigin(const ConnectionInfo& connection, std::uint64_t ktime_ns,
                              std::string_view uuid, std::string& out) {
  AppendField("PID:", connection.pid, out);
  out += ", Comm:";
  out += connection.comm;
  out += ", Src:";
  AppendEndpoint(connection.tuple.family, connection.tuple.local, out);
  out += ", Dest:";
  AppendEndpoint(connection.tuple.family, connection.tuple.remote, out);
  out += ", Time:";
  time_.Append(ktime_ns, out);
  out += ", UUID:";
  out += uuid;
  out += ", Name:";
}

void TextFormat::AppendBody(const Message& message, std::string& out) const {
  const std::string_view body = message.body;
  const bool dump = message.parser == ParserType::kUnknown && !IsPrintableText(body);
  const auto append = [&](std::size_t from, std::size_t to) {
    const std::string_view part = body.substr(from, to - from);
    if (dump) {
      AppendHexDump(part, from, out);
    } else {
      AppendText(part, out);
    }
  };
  std::size_t shown = 0;
  for (const BodyGap& gap : message.gaps) {
    const std::size_t position = std::clamp<std::uint64_t>(gap.position, shown, body.size());
    append(shown, position);
    shown = position;
    AppendGapMarker(gap.bytes, out);
  }
  append(shown, body.size());
  if (message.cut_bytes == 0) return;
  AppendField("\n[tlscope: ", message.cut_bytes, out);
  out += " bytes cut by --tsize]";
  if (!message.trailers.empty()) out.push_back('\n');
}

void TextFormat::AppendText(std::string_view bytes, std::string& out) const {
  if (escape_control_) {
    AppendForTerminal(bytes, out);
  } else {
    out += bytes;
  }
}

}  // namespace tlscope
