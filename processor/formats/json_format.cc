// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/json_format.h"

#include <algorithm>
#include <cstddef>
#include <variant>
#include <vector>

#include "parsers/core/header_field.h"
#include "processor/events/endpoint_text.h"
#include "processor/events/value_names.h"
#include "processor/text/base64.h"
#include "processor/text/decimal.h"
#include "processor/text/json_string.h"
#include "processor/text/tls_version.h"
#include "processor/text/utf8.h"

namespace tlscope {
namespace {

// Bytes that a line takes in practice besides the message's own: reserved once instead of growing.
constexpr std::size_t kUsualBytes = 640;

// Keys are passed as they are written, `,"pid":`, so that each is one copy.

void AppendNumber(std::string_view key, std::uint64_t value, std::string& out) {
  out += key;
  AppendDecimal(value, out);
}

/// 0 stands for "none" or "not known".
void AppendUnlessZero(std::string_view key, std::uint64_t value, std::string& out) {
  if (value != 0) AppendNumber(key, value, out);
}

void AppendFlag(std::string_view key, bool value, std::string& out) {
  if (!value) return;
  out += key;
  out += "true";
}

/// `value` has nothing to escape.
void AppendWord(std::string_view key, std::string_view value, std::string& out) {
  out += key;
  out.push_back('"');
  out += value;
  out.push_back('"');
}

void AppendText(std::string_view key, std::string_view value, std::string& out) {
  if (value.empty()) return;
  out += key;
  AppendJsonString(value, out);
}

void AppendMicroseconds(std::string_view key, std::uint64_t from_ns, std::uint64_t to_ns,
                        std::string& out) {
  if (from_ns != 0 && to_ns >= from_ns) AppendNumber(key, (to_ns - from_ns) / 1000, out);
}

void AppendAgent(const AgentIdentity* agent, std::string& out) {
  if (agent == nullptr) return;
  AppendText(R"(,"agent_host":)", agent->host, out);
  AppendText(R"(,"agent":)", agent->instance, out);
}

void AppendHandshakeFacts(const HandshakeFacts& facts, std::string& out) {
  if (facts.version != 0) {
    out += R"(,"tls_version":")";
    AppendTlsVersion(facts.version, out);
    out.push_back('"');
  }
  AppendText(R"(,"server_name":)", facts.server_name, out);
  AppendJsonBytes("alpn", facts.protocol, out);
}

void AppendConnection(const ConnectionInfo& connection, std::string_view uuid,
                      const HandshakeFacts& facts, std::string& out) {
  out += R"(,"connection":")";
  AppendHexId(connection.correlation.root, out);
  AppendNumber(R"(","pid":)", connection.pid, out);
  AppendNumber(R"(,"tid":)", connection.tid, out);
  out += R"(,"comm":)";
  AppendJsonString(connection.comm, out);
  if (connection.fd >= 0) {
    AppendNumber(R"(,"fd":)", static_cast<std::uint64_t>(connection.fd), out);
  }
  if (connection.tuple.family != AddressFamily::kNone) {
    out += R"(,"local":")";
    AppendEndpoint(connection.tuple.family, connection.tuple.local, out);
    out += R"(","remote":")";
    AppendEndpoint(connection.tuple.family, connection.tuple.remote, out);
    out.push_back('"');
  }
  out += R"(,"uuid":)";
  AppendJsonString(uuid, out);
  AppendHandshakeFacts(facts, out);
}

void AppendConnection(const ConnectionInfo& connection, std::string_view uuid, std::string& out) {
  AppendConnection(connection, uuid, connection.handshake, out);
}

void AppendDirection(DataType direction, std::string& out) {
  AppendWord(R"(,"direction":)", direction == DataType::kRead ? "READ" : "WRITE", out);
}

/// Which protocol a message is of, and what it is there.
std::string_view ProtocolAndType(ParserType parser) {
  switch (parser) {
    case ParserType::kHttp1Request:
      return R"(,"protocol":"http/1.1","type":"request")";
    case ParserType::kHttp1Response:
      return R"(,"protocol":"http/1.1","type":"response")";
    case ParserType::kHttp2Request:
      return R"(,"protocol":"http/2","type":"request")";
    case ParserType::kHttp2Response:
      return R"(,"protocol":"http/2","type":"response")";
    case ParserType::kWebSocket:
      return R"(,"protocol":"websocket","type":"message")";
    case ParserType::kUnknown:
      break;
  }
  return R"(,"protocol":"raw","type":"data")";
}

/// The same names for what the table of protocols calls them; a name that is new is left as it is.
std::string_view ProtocolNamed(std::string_view name) {
  if (name.starts_with("HTTP2")) return "http/2";
  if (name.starts_with("HTTP")) return "http/1.1";
  if (name == "WebSocket") return "websocket";
  return name == "DefaultParser" ? "raw" : name;
}

/// What identifies a message and what most readers select by.
void AppendSummary(const Message& message, std::string& out) {
  AppendUnlessZero(R"(,"exchange":)", message.exchange, out);
  AppendUnlessZero(R"(,"stream_id":)", message.stream_id, out);
  AppendFlag(R"(,"grpc":)", message.grpc, out);
  AppendJsonBytes("rpc", message.rpc, out);
  if (message.frame != FrameKind::kNone) {
    AppendWord(R"(,"frame":)", FrameName(message.frame), out);
    AppendUnlessZero(R"(,"close_code":)", message.close_code, out);
  }
  AppendJsonBytes("method", message.method, out);
  AppendJsonBytes("target", message.target, out);
  AppendUnlessZero(R"(,"status":)", message.status, out);
  if (!message.method.empty()) AppendJsonBytes("host", FindHost(message.head), out);
  AppendJsonBytes("content_type", FindField(message.head, "content-type"), out);
}

void AppendGaps(const std::vector<BodyGap>& gaps, std::string& out) {
  if (gaps.empty()) return;
  out += R"(,"gaps":[)";
  for (const BodyGap& gap : gaps) {
    AppendNumber(&gap == &gaps.front() ? R"({"position":)" : R"(,{"position":)", gap.position, out);
    AppendUnlessZero(R"(,"bytes":)", gap.bytes, out);
    out.push_back('}');
  }
  out.push_back(']');
}

/// How far the message is what went over the connection.
void AppendCondition(const Message& message, std::string& out) {
  AppendFlag(R"(,"incomplete":)", !message.complete, out);
  AppendFlag(R"(,"resynchronised":)", message.resynchronised, out);
  AppendUnlessZero(R"(,"part":)", message.part, out);
  AppendFlag(R"(,"last_part":)", message.last_part, out);
  AppendNumber(R"(,"content_bytes":)", message.content_bytes, out);
  AppendUnlessZero(R"(,"cut_bytes":)", message.cut_bytes, out);
  AppendGaps(message.gaps, out);
  AppendText(R"(,"decoded_from":)", message.decoded_from, out);
  AppendText(R"(,"decode_error":)", message.decode_error, out);
  AppendJsonBytes("never_indexed", message.never_indexed, out);
}

/// All of them in the same form, as a list has one name.
void AppendOffersMember(const std::vector<std::string_view>& offers, std::string& out) {
  if (offers.empty()) return;
  const bool text = std::all_of(offers.begin(), offers.end(), IsUtf8);
  out += text ? R"(,"offered_protocols":[)" : R"(,"offered_protocols_base64":[)";
  for (const std::string_view& offer : offers) {
    if (&offer != &offers.front()) out.push_back(',');
    if (text) {
      AppendJsonString(offer, out);
      continue;
    }
    out.push_back('"');
    AppendBase64(offer, out);
    out.push_back('"');
  }
  out.push_back(']');
}

}  // namespace

void JsonFormat::Append(const BusPayload& payload, std::string& out) {
  std::visit(
      [&](const auto& event) {
        if constexpr (requires { AppendObject(event, out); }) {
          AppendObject(event, out);
          out += "}\n";
        }
      },
      payload);
}

std::string JsonFormat::Dropped(std::uint64_t blocks, std::uint64_t bytes) const {
  std::string line = R"({"time":")";
  AppendWallTime(clock_(), line);
  AppendNumber(R"(","kind":"dropped","events":)", blocks, line);
  AppendUnlessZero(R"(,"bytes":)", bytes, line);
  line += "}\n";
  return line;
}

void JsonFormat::Begin(std::string_view kind, std::uint64_t ktime_ns, std::string& out) {
  out += R"({"time":")";
  time_.Append(ktime_ns, out);
  AppendWord(R"(","kind":)", kind, out);
  AppendAgent(agent(), out);
}

void JsonFormat::AppendObject(const MessageEvent& event, std::string& out) {
  const Message& message = event.message;
  const std::size_t bytes = message.head.size() + message.body.size() + message.trailers.size();
  // Text grows by its line ends and quotes.
  out.reserve(out.size() + kUsualBytes + bytes + bytes / 16);
  Begin("message", message.first_ktime_ns, out);
  AppendConnection(event.connection, event.uuid, out);
  AppendDirection(event.direction, out);
  out += ProtocolAndType(message.parser);
  AppendSummary(message, out);
  AppendMicroseconds(R"(,"duration_us":)", message.first_ktime_ns, message.last_ktime_ns, out);
  AppendCondition(message, out);
  AppendJsonBytes("head", message.head, out);
  AppendJsonBytes("body", message.body, out);
  AppendJsonBytes("trailers", message.trailers, out);
}

void JsonFormat::AppendObject(const ExchangeEvent& event, std::string& out) {
  const bool requested = event.request_ktime_ns != 0;
  const bool answered = event.status != 0;
  Begin("exchange", requested ? event.request_ktime_ns : event.first_byte_ktime_ns, out);
  AppendConnection(event.connection, event.uuid, out);
  AppendUnlessZero(R"(,"exchange":)", event.exchange, out);
  AppendJsonBytes("method", event.method, out);
  AppendJsonBytes("target", event.target, out);
  AppendJsonBytes("host", event.host, out);
  AppendUnlessZero(R"(,"status":)", event.status, out);
  if (requested) {
    AppendNumber(R"(,"request_bytes":)", event.request_bytes, out);
  }
  if (answered) {
    AppendNumber(R"(,"response_bytes":)", event.response_bytes, out);
    AppendMicroseconds(R"(,"first_byte_us":)", event.request_ktime_ns, event.first_byte_ktime_ns,
                       out);
    AppendMicroseconds(R"(,"duration_us":)", event.request_ktime_ns, event.last_byte_ktime_ns, out);
  }
}

void JsonFormat::AppendObject(const FrameEvent& event, std::string& out) {
  const FrameRecord& frame = event.frame;
  Begin("frame", frame.ktime_ns, out);
  AppendConnection(event.connection, event.uuid, out);
  AppendDirection(event.direction, out);
  AppendText(R"(,"type":)", frame.type, out);
  AppendText(R"(,"flags":)", frame.flags, out);
  AppendNumber(R"(,"stream_id":)", frame.stream_id, out);
  AppendNumber(R"(,"length":)", frame.length, out);
  AppendText(R"(,"frame_detail":)", frame.detail, out);
}

void JsonFormat::AppendObject(const PlaintextEvent& event, std::string& out) {
  out.reserve(out.size() + kUsualBytes + event.data.size() + event.data.size() / 16);
  Begin("plaintext", event.ktime_ns, out);
  AppendConnection(event.connection, event.uuid, out);
  AppendDirection(event.direction, out);
  AppendNumber(R"(,"stream_offset":)", event.stream_offset, out);
  AppendJsonBytes("data", event.data, out);
}

void JsonFormat::AppendObject(const HandshakeEvent& event, std::string& out) {
  HandshakeFacts facts = event.connection.handshake;
  facts.Add(event.told);
  Begin("handshake", event.ktime_ns, out);
  AppendConnection(event.connection, event.uuid, facts, out);
  AppendDirection(event.direction, out);
  AppendWord(R"(,"type":)", HandshakePartName(event.kind), out);
  AppendOffersMember(event.offers, out);
}

void JsonFormat::AppendObject(const ProtocolEvent& event, std::string& out) {
  Begin("protocol", event.ktime_ns, out);
  AppendConnection(event.connection, event.uuid, out);
  AppendDirection(event.direction, out);
  AppendText(R"(,"protocol":)", ProtocolNamed(event.protocol), out);
}

void JsonFormat::AppendObject(const ConnectionEvent& event, std::string& out) {
  const bool opened = event.event.state == ConnDataEvent::State::kOpened;
  Begin("connection", event.event.origin.ktime_ns, out);
  AppendConnection(event.connection, event.uuid, out);
  AppendWord(R"(,"type":)", opened ? "opened" : "closed", out);
}

void JsonFormat::AppendObject(const LossEvent& event, std::string& out) {
  Begin("loss", event.ktime_ns, out);
  AppendConnection(event.connection, event.uuid, out);
  AppendDirection(event.direction, out);
  AppendNumber(R"(,"bytes":)", event.bytes, out);
}

void JsonFormat::AppendObject(const RateLimitEvent& event, std::string& out) {
  Begin("rate_limit", event.ktime_ns, out);
  AppendNumber(R"(,"dropped":)", event.dropped, out);
  AppendNumber(R"(,"limit_per_second":)", event.limit_per_second, out);
}

}  // namespace tlscope
