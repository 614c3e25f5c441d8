// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/text_format.h"

#include <algorithm>
#include <cstddef>
#include <variant>

#include "parsers/parser_registry.h"
#include "processor/formats/decimal.h"
#include "processor/formats/endpoint_text.h"
#include "processor/formats/printable.h"
#include "processor/formats/text_body.h"
#include "processor/formats/tls_version.h"

namespace tlscope {
namespace {

// Bytes a header line takes at most in practice: reserved once instead of growing.
constexpr std::size_t kHeaderBytes = 384;

void AppendField(std::string_view key, std::uint64_t value, std::string& out) {
  out += key;
  AppendDecimal(value, out);
}

void AppendHttp2Fields(const Message& message, std::string& out) {
  if (message.stream_id != 0) AppendField(", Stream:", message.stream_id, out);
  if (!message.rpc.empty()) {
    out += ", Rpc:";
    AppendForTerminal(message.rpc, out);
  }
  if (!message.never_indexed.empty()) {
    // A list with commas would look like another field.
    std::string names = message.never_indexed;
    std::replace(names.begin(), names.end(), ',', '+');
    names.erase(std::remove(names.begin(), names.end(), ' '), names.end());
    out += ", NeverIndexed:";
    AppendForTerminal(names, out);
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

std::string_view FrameName(FrameKind kind) {
  switch (kind) {
    case FrameKind::kText:
      return "text";
    case FrameKind::kBinary:
      return "binary";
    case FrameKind::kClose:
      return "close";
    case FrameKind::kPing:
      return "ping";
    case FrameKind::kPong:
      return "pong";
    case FrameKind::kNone:
      break;
  }
  return "none";
}

void AppendWebSocketFields(const Message& message, std::string& out) {
  if (message.frame == FrameKind::kNone) return;
  out += ", Frame:";
  out += FrameName(message.frame);
  if (message.close_code != 0) AppendField(", Code:", message.close_code, out);
}

std::string_view PartName(SSLHandshakeEvent::Kind kind) {
  switch (kind) {
    case SSLHandshakeEvent::Kind::kClientHello:
      return "client-hello";
    case SSLHandshakeEvent::Kind::kServerHello:
      return "server-hello";
    case SSLHandshakeEvent::Kind::kProtocol:
      break;
  }
  return "protocol";
}

// A list with commas would look like another field.
void AppendOffers(const std::vector<std::string_view>& offers, std::string& out) {
  out += ", Offers:";
  for (const std::string_view& offer : offers) {
    if (&offer != &offers.front()) out.push_back('+');
    AppendFieldValue(offer, out);
  }
}

// SGR sequences of ECMA-48 8.3.117.
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kRequestColor = "\x1b[1;36m";

std::string_view StartLineColor(const Message& message) {
  if (message.status == 0) return kRequestColor;
  if (message.status < 300) return "\x1b[1;32m";
  if (message.status < 400) return "\x1b[1;34m";
  if (message.status < 500) return "\x1b[1;33m";
  return "\x1b[1;31m";
}

}  // namespace

TextFormat::TextFormat(const TextFormatOptions& options)
    : options_(options), time_(options.realtime_offset_ns) {}

void TextFormat::Append(const BusPayload& payload, std::string& out) {
  if (const auto* message = std::get_if<MessageEvent>(&payload)) {
    AppendMessage(*message, out);
  } else if (const auto* frame = std::get_if<FrameEvent>(&payload)) {
    AppendFrame(*frame, out);
  } else if (const auto* handshake = std::get_if<HandshakeEvent>(&payload)) {
    AppendHandshake(*handshake, out);
  } else if (const auto* loss = std::get_if<LossEvent>(&payload)) {
    AppendLoss(*loss, out);
  } else if (const auto* limit = std::get_if<RateLimitEvent>(&payload)) {
    AppendRateLimit(*limit, out);
  }
}

void TextFormat::AppendMessage(const MessageEvent& event, std::string& out) {
  const Message& message = event.message;
  const std::size_t length = message.head.size() + message.body.size() + message.trailers.size();
  out.reserve(out.size() + kHeaderBytes + length);
  const TextBody body(message, options_);
  if (options_.color) out += kDim;
  AppendOrigin(event.connection, message.first_ktime_ns, event.uuid, out);
  out += ParserName(message.parser);
  AppendField(", Type:", static_cast<std::uint64_t>(message.parser), out);
  AppendField(", Length:", length, out);
  if (!message.complete) out += ", Incomplete:true";
  if (message.resynchronised) out += ", Resynchronised:true";
  if (!message.gaps.empty()) AppendField(", Lost:", LostBytes(message), out);
  if (message.cut_bytes != 0) AppendField(", Cut:", message.cut_bytes, out);
  AppendHttp2Fields(message, out);
  AppendPartFields(message, out);
  AppendDecodingFields(message, out);
  AppendWebSocketFields(message, out);
  body.AppendFields(out);
  if (options_.color) out += kReset;
  out.push_back('\n');

  AppendHead(message, out);
  body.Append(out);
  AppendText(message.trailers, options_, out);
  out.push_back('\n');
}

void TextFormat::AppendHead(const Message& message, std::string& out) const {
  std::string_view head = message.head;
  if (options_.color && !head.empty()) {
    const std::size_t end = std::min(head.find_first_of("\r\n"), head.size());
    out += StartLineColor(message);
    AppendText(head.substr(0, end), options_, out);
    out += kReset;
    head.remove_prefix(end);
  }
  AppendText(head, options_, out);
}

void TextFormat::AppendFrame(const FrameEvent& event, std::string& out) {
  const FrameRecord& frame = event.frame;
  AppendOrigin(event.connection, frame.ktime_ns, event.uuid, out);
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

void TextFormat::AppendHandshake(const HandshakeEvent& event, std::string& out) {
  AppendOrigin(event.connection, event.ktime_ns, event.uuid, out);
  out += "TLSHandshake, Type:0, Length:0, Part:";
  out += PartName(event.kind);
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

void TextFormat::AppendLoss(const LossEvent& event, std::string& out) {
  AppendOrigin(event.connection, event.ktime_ns, event.uuid, out);
  AppendField("Lost, Type:0, Length:0, Lost:", event.bytes, out);
  out.push_back('\n');
}

/// Of no connection: what was dropped may have been of any.
void TextFormat::AppendRateLimit(const RateLimitEvent& event, std::string& out) {
  AppendOrigin(ConnectionInfo{.comm = "-"}, event.ktime_ns, "-", out);
  AppendField("RateLimited, Type:0, Length:0, Dropped:", event.dropped, out);
  AppendField(", Limit:", event.limit_per_second, out);
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

}  // namespace tlscope
