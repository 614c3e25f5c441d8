// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/header_line.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "parsers/parser_registry.h"
#include "processor/events/endpoint_text.h"
#include "processor/events/value_names.h"
#include "processor/text/decimal.h"
#include "processor/text/printable.h"
#include "processor/text/tls_version.h"

namespace tlscope {
namespace {

void AppendField(std::string_view key, std::uint64_t value, std::string& out) {
  out += key;
  AppendDecimal(value, out);
}

void AppendHttp2Fields(const Message& message, std::string& out) {
  if (message.stream_id != 0) AppendField(", Stream:", message.stream_id, out);
  if (!message.rpc.empty()) {
    out += ", Rpc:";
    AppendFieldValue(message.rpc, out);
  }
  if (!message.never_indexed.empty()) {
    // A list with commas would look like another field.
    std::string names = message.never_indexed;
    std::replace(names.begin(), names.end(), ',', '+');
    names.erase(std::remove(names.begin(), names.end(), ' '), names.end());
    out += ", NeverIndexed:";
    AppendFieldValue(names, out);
  }
}

std::uint64_t LostBytes(const Message& message) {
  std::uint64_t bytes = 0;
  for (const BodyGap& gap : message.gaps) bytes += gap.bytes;
  return bytes;
}

void AppendPartFields(const Message& message, std::string& out) {
  if (message.part != 0) AppendField(", Part:", message.part, out);
  if (message.last_part) out += ", Last:true";
}

// `Decoded:gzip+br, Sent:273`: which codings were removed, and the size of what was sent. A list
// with commas would look like another field. Of a message in parts only the last knows the size.
void AppendDecodingFields(const Message& message, std::string& out) {
  if (!message.decoded_from.empty()) {
    out += ", Decoded:";
    for (const char letter : message.decoded_from) {
      if (letter != ' ') out.push_back(letter == ',' ? '+' : letter);
    }
    if (message.part == 0 || message.last_part) {
      AppendField(", Sent:", message.content_bytes, out);
    }
  }
  if (message.decode_error.empty()) return;
  out += ", DecodeError:";
  out += message.decode_error;
}

void AppendWebSocketFields(const Message& message, std::string& out) {
  if (message.frame == FrameKind::kNone) return;
  out += ", Frame:";
  out += FrameName(message.frame);
  if (message.close_code != 0) AppendField(", Code:", message.close_code, out);
}

// A list with commas would look like another field.
void AppendOffers(const std::vector<std::string_view>& offers, std::string& out) {
  out += ", Offers:";
  for (const std::string_view& offer : offers) {
    if (&offer != &offers.front()) out.push_back('+');
    AppendFieldValue(offer, out);
  }
}

}  // namespace

std::string TextDropMarker(std::uint64_t blocks, std::uint64_t bytes) {
  const std::string size = bytes != 0 ? " (" + std::to_string(bytes) + " bytes)" : "";
  return "[tlscope: " + std::to_string(blocks) + " messages" + size +
         " not written: the output is too slow]\n";
}

std::size_t MessageBytes(const Message& message) {
  return message.head.size() + message.body.size() + message.trailers.size();
}

void HeaderLine::AppendMessage(const MessageEvent& event, const AgentIdentity* agent,
                               std::string& out) {
  const Message& message = event.message;
  AppendOrigin(event.connection, message.first_ktime_ns, event.uuid, agent, out);
  out += ParserName(message.parser);
  AppendField(", Type:", static_cast<std::uint64_t>(message.parser), out);
  AppendField(", Length:", MessageBytes(message), out);
  if (!message.complete) out += ", Incomplete:true";
  if (message.resynchronised) out += ", Resynchronised:true";
  if (!message.gaps.empty()) AppendField(", Lost:", LostBytes(message), out);
  if (message.cut_bytes != 0) AppendField(", Cut:", message.cut_bytes, out);
  AppendHttp2Fields(message, out);
  AppendPartFields(message, out);
  AppendDecodingFields(message, out);
  AppendWebSocketFields(message, out);
}

void HeaderLine::AppendOther(const BusPayload& payload, const AgentIdentity* agent,
                             std::string& out) {
  if (const auto* frame = std::get_if<FrameEvent>(&payload)) {
    Append(*frame, agent, out);
  } else if (const auto* handshake = std::get_if<HandshakeEvent>(&payload)) {
    Append(*handshake, agent, out);
  } else if (const auto* loss = std::get_if<LossEvent>(&payload)) {
    Append(*loss, agent, out);
  } else if (const auto* limit = std::get_if<RateLimitEvent>(&payload)) {
    Append(*limit, agent, out);
  }
}

void HeaderLine::Append(const FrameEvent& event, const AgentIdentity* agent, std::string& out) {
  const FrameRecord& frame = event.frame;
  AppendOrigin(event.connection, frame.ktime_ns, event.uuid, agent, out);
  out += "HTTP2Frame, Type:0, Length:0, Kind:";
  out += frame.type;
  AppendField(", Stream:", frame.stream_id, out);
  out += ", Flags:";
  out += frame.flags;
  AppendField(", Payload:", frame.length, out);
  if (!frame.detail.empty()) {
    out += ", ";
    out += frame.detail;
  }
  out.push_back('\n');
}

void HeaderLine::Append(const HandshakeEvent& event, const AgentIdentity* agent, std::string& out) {
  AppendOrigin(event.connection, event.ktime_ns, event.uuid, agent, out);
  out += "TLSHandshake, Type:0, Length:0, Part:";
  out += HandshakePartName(event.kind);
  if (event.told.version != 0) {
    out += ", Version:";
    AppendTlsVersion(event.told.version, out);
  }
  if (!event.told.server_name.empty()) {
    out += ", ServerName:";
    AppendFieldValue(event.told.server_name, out);
  }
  if (!event.offers.empty()) AppendOffers(event.offers, out);
  if (!event.told.protocol.empty()) {
    out += ", Protocol:";
    AppendFieldValue(event.told.protocol, out);
  }
  out.push_back('\n');
}

void HeaderLine::Append(const LossEvent& event, const AgentIdentity* agent, std::string& out) {
  AppendOrigin(event.connection, event.ktime_ns, event.uuid, agent, out);
  AppendField("Lost, Type:0, Length:0, Lost:", event.bytes, out);
  out.push_back('\n');
}

/// Of no connection: what was dropped may have been of any.
void HeaderLine::Append(const RateLimitEvent& event, const AgentIdentity* agent, std::string& out) {
  AppendOrigin(ConnectionInfo{.comm = "-"}, event.ktime_ns, "-", agent, out);
  AppendField("RateLimited, Type:0, Length:0, Dropped:", event.dropped, out);
  AppendField(", Limit:", event.limit_per_second, out);
  out.push_back('\n');
}

/// The header line up to and including `Name:`.
void HeaderLine::AppendOrigin(const ConnectionInfo& connection, std::uint64_t ktime_ns,
                              std::string_view uuid, const AgentIdentity* agent, std::string& out) {
  if (agent != nullptr) {
    out += "Host:";
    AppendFieldValue(agent->host, out);
    out += ", Agent:";
    AppendFieldValue(agent->instance, out);
    out += ", ";
  }
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

}  // namespace tlscope
