// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/pcapng_format.h"

#include <algorithm>
#include <variant>

#include "parsers/http1/detect.h"
#include "parsers/http2/detect.h"
#include "processor/events/endpoint_text.h"
#include "processor/formats/pcapng/pcapng_writer.h"
#include "processor/formats/pcapng/tcp_packet.h"
#include "processor/formats/pcapng/wireshark_note.h"
#include "processor/text/decimal.h"
#include "processor/text/printable.h"
#include "processor/text/utf8.h"

namespace tlscope {
namespace {

// In the order in which Start() describes them.
constexpr std::uint32_t kPacketsInterface = 0;
constexpr std::uint32_t kNotesInterface = 1;

// Sequence numbers are compared modulo 2^32 (RFC 9293 3.4): a larger jump looks like one back.
constexpr std::uint64_t kMaxShownHole = std::uint64_t{1} << 30;

// What numbers move by where a stream begins again, for its SYN to differ from the one before.
constexpr std::uint32_t kRestartStep = 0x2000'0000;

// Of a name that another host tells, which is in every packet's comment.
constexpr std::size_t kMaxNameBytes = 256;

// More than a packet takes besides its data and comment.
constexpr std::size_t kPacketRoom = 160;

std::size_t Index(DataType direction) { return static_cast<std::size_t>(direction); }

DataType Other(DataType direction) {
  return direction == DataType::kRead ? DataType::kWrite : DataType::kRead;
}

/// Without spaces: in a name that others chose, what follows one could look like another field.
void AppendName(std::string_view printable, std::string& out) {
  for (const char byte : printable) {
    if (byte == ' ') {
      AppendEscaped(byte, out);
    } else {
      out.push_back(byte);
    }
  }
}

void AppendAgentName(std::string_view name, std::string& out) {
  std::string printable;
  AppendFieldValue(CutUtf8(name, kMaxNameBytes), printable);
  AppendName(printable, out);
}

/// What the first bytes of a connection tell of it.
struct FirstBytes {
  bool http = false;
  bool http2 = false;
  bool from_client = true;  ///< as far as is known: who speaks first asks
};

FirstBytes LookAt(const PlaintextEvent& event, bool joined) {
  const auto matches = [&](Detection (*detect)(std::string_view)) {
    return detect(event.data) == Detection::kMatch;
  };
  if (matches(http1::DetectRequest)) return {.http = true};
  if (matches(http1::DetectResponse)) return {.http = true, .from_client = false};
  if (matches(http2::DetectClient)) return {.http = true, .http2 = true};
  if (matches(http2::DetectServer)) return {.http = true, .http2 = true, .from_client = false};
  FirstBytes known;
  if (!joined) {
    const std::string_view agreed = event.connection.handshake.protocol;
    known.http2 = agreed == "h2";
    known.http = known.http2 || agreed.starts_with("http/1.");
  }
  // Nobody knows better: servers have the lower port, most of the time.
  const Tuple& tuple = event.connection.tuple;
  if (tuple.local.port != tuple.remote.port) {
    known.from_client =
        (tuple.local.port > tuple.remote.port) == (event.direction == DataType::kWrite);
  }
  return known;
}

/// The ends of a packet that goes this way.
TcpSegment EndsOf(const TcpConversation& conversation, DataType direction) {
  const Tuple& shown = conversation.shown;
  TcpSegment segment{.family = shown.family, .source = shown.local, .destination = shown.remote};
  if (direction == DataType::kRead) std::swap(segment.source, segment.destination);
  return segment;
}

/// Goes on to a piece at `offset`; how many bytes are missing before it.
std::uint64_t SkipTo(std::uint64_t offset, std::size_t direction, TcpConversation& conversation) {
  const bool heard = std::exchange(conversation.heard[direction], true);
  const std::uint64_t missing = offset - std::exchange(conversation.reached[direction], offset);
  // Before a direction is heard, the other one acknowledges the number that its first byte has.
  const bool looks_acknowledged = conversation.heard[1 - direction] && (missing & 1U << 31) != 0;
  if (heard ? missing > kMaxShownHole : looks_acknowledged) {
    conversation.first_sequence[direction] -= static_cast<std::uint32_t>(missing - kMaxShownHole);
  }
  // What was there before it was joined is not missing.
  return heard ? missing : 0;
}

/// What comes now is another stream on the same socket: the bytes before it begin at 0 once more.
void Restart(TcpConversation& conversation) {
  conversation.started = false;
  conversation.reached = {};
  for (std::uint32_t& first : conversation.first_sequence) first += kRestartStep;
}

}  // namespace

/// A packet to be made. Its numbers are those that the conversation has reached.
struct PcapngFormat::Segment {
  DataType direction;
  int flags;
  std::uint64_t unix_ns;
  std::string_view data = {};
};

void PcapngFormat::Append(const BusPayload& payload, std::string& out) {
  if (const auto* plaintext = std::get_if<PlaintextEvent>(&payload)) {
    AppendPlaintext(*plaintext, out);
  } else if (const auto* connection = std::get_if<ConnectionEvent>(&payload)) {
    if (connection->event_kind() == EventKind::kConnectionClosed) AppendClose(*connection, out);
  }
}

std::string PcapngFormat::Start() const {
  std::string out;
  pcapng::AppendSectionHeader(options_.application, options_.os, out);
  pcapng::AppendInterface(pcapng::LinkType::kRaw, "tlscope",
                          "plaintext of TLS connections, as TCP that was made for it", out);
  if (options_.wireshark_notes) {
    pcapng::AppendInterface(pcapng::LinkType::kWiresharkUpperPdu, "tlscope-notes",
                            "what tlscope has to say of the packets", out);
  }
  return out;
}

std::string PcapngFormat::Dropped(std::uint64_t blocks, std::uint64_t bytes) const {
  std::string out;
  if (!options_.wireshark_notes) return out;
  const std::string size = bytes != 0 ? " (" + std::to_string(bytes) + " bytes)" : "";
  const std::string text =
      std::to_string(blocks) + " blocks" + size + " are missing here: the output is too slow";
  pcapng::AppendPacket({.interface = kNotesInterface,
                        .unix_ns = latest_unix_ns_.load(std::memory_order_relaxed),
                        .comment = text},
                       TextNote(text), {}, out);
  return out;
}

void PcapngFormat::AppendPlaintext(const PlaintextEvent& event, std::string& out) {
  const std::uint64_t id = event.connection.correlation.root;
  TcpConversation* found = conversations_.Find(id);
  TcpConversation& conversation =
      found != nullptr ? *found : conversations_.Add(id, event.connection.tuple);
  const std::size_t direction = Index(event.direction);
  const bool restarts =
      conversation.heard[direction] && event.stream_offset < conversation.reached[direction];
  if (restarts) Restart(conversation);
  const std::uint64_t unix_ns = TimeOf(conversation, event.ktime_ns);
  const bool joined = !conversation.started && !restarts && event.stream_offset != 0;
  if (!conversation.started) AppendOpening(conversation, event, joined, unix_ns, out);

  const std::uint64_t missing = SkipTo(event.stream_offset, direction, conversation);
  StartComment(event.connection);
  comment_ += event.direction == DataType::kWrite ? " direction=write" : " direction=read";
  if (missing != 0) {
    comment_ += " missing=";
    AppendDecimal(missing, comment_);
  }
  if (joined) comment_ += "; its beginning was not captured";
  EndComment(conversation, event.connection);
  out.reserve(out.size() + event.data.size() +
              (event.data.size() / kMaxSegmentBytes + 1) * (kPacketRoom + comment_.size()));
  for (std::string_view rest = event.data; !rest.empty();) {
    const std::string_view piece = rest.substr(0, kMaxSegmentBytes);
    rest.remove_prefix(piece.size());
    AppendSegment(conversation, {event.direction, kTcpPsh | kTcpAck, unix_ns, piece}, out);
  }
}

/// What stands before the first data: a handshake, unless the beginning is not known, and what
/// helps to read it.
void PcapngFormat::AppendOpening(TcpConversation& conversation, const PlaintextEvent& event,
                                 bool joined, std::uint64_t unix_ns, std::string& out) {
  conversation.started = true;
  const FirstBytes first = LookAt(event, joined);
  const DataType asks = first.from_client ? event.direction : Other(event.direction);
  if (!joined) {
    conversation.heard = {true, true};
    StartComment(event.connection);
    comment_ += "; handshake made up";
    EndComment(conversation, event.connection);
    // Just before the data, and not before what came earlier.
    const std::uint64_t earliest = conversation.unix_ns;
    const auto before = [&](std::uint64_t ns) {
      return std::max(earliest, unix_ns - std::min(ns, unix_ns));
    };
    AppendSegment(conversation, {asks, kTcpSyn, before(3)}, out);
    AppendSegment(conversation, {Other(asks), kTcpSyn | kTcpAck, before(2)}, out);
    AppendSegment(conversation, {asks, kTcpAck, before(1)}, out);
  }
  if (!options_.wireshark_notes || !first.http) return;
  StartComment(event.connection);
  comment_ += "; note for Wireshark, not captured";
  EndComment(conversation, event.connection);
  const TcpSegment ends = EndsOf(conversation, asks);
  AppendNote(unix_ns, HttpNote(ends), out);
  if (first.http2 && !first.from_client) AppendNote(unix_ns, Http2Note(ends), out);
}

void PcapngFormat::AppendNote(std::uint64_t unix_ns, std::string_view note, std::string& out) {
  pcapng::AppendPacket({.interface = kNotesInterface, .unix_ns = unix_ns, .comment = comment_},
                       note, {}, out);
}

void PcapngFormat::AppendClose(const ConnectionEvent& event, std::string& out) {
  TcpConversation* const conversation = conversations_.Find(event.connection.correlation.root);
  if (conversation == nullptr) return;
  StartComment(event.connection);
  comment_ += "; close made up";
  EndComment(*conversation, event.connection);
  const std::uint64_t unix_ns = TimeOf(*conversation, event.event.origin.ktime_ns);
  AppendSegment(*conversation, {DataType::kWrite, kTcpFin | kTcpAck, unix_ns}, out);
  AppendSegment(*conversation, {DataType::kRead, kTcpFin | kTcpAck, unix_ns}, out);
  AppendSegment(*conversation, {DataType::kWrite, kTcpAck, unix_ns}, out);
  conversations_.Forget(*conversation);
}

void PcapngFormat::AppendSegment(TcpConversation& conversation, const Segment& segment,
                                 std::string& out) {
  const auto number = [&](DataType direction) {
    const std::size_t index = Index(direction);
    // RFC 9293 3.4: numbers go round, and so may 64-bit offsets that others chose.
    return conversation.first_sequence[index] +
           static_cast<std::uint32_t>(conversation.reached[index]);
  };
  TcpSegment packet = EndsOf(conversation, segment.direction);
  packet.flags = static_cast<std::uint8_t>(segment.flags);
  packet.sequence = number(segment.direction);
  // RFC 9293 3.4: a SYN and a FIN take a number of their own; a SYN's stands before the first byte.
  if ((segment.flags & kTcpSyn) != 0) --packet.sequence;
  if ((segment.flags & kTcpAck) != 0) packet.acknowledgement = number(Other(segment.direction));
  packet.data = segment.data;

  pcapng::PacketInfo info{
      .interface = kPacketsInterface, .unix_ns = segment.unix_ns, .comment = comment_};
  if (!segment.data.empty()) {
    info.direction = segment.direction == DataType::kWrite ? pcapng::PacketDirection::kOutbound
                                                           : pcapng::PacketDirection::kInbound;
  }
  pcapng::AppendPacket(info, TcpHeaders(packet).bytes(), segment.data, out);

  conversation.reached[Index(segment.direction)] +=
      segment.data.size() + ((segment.flags & kTcpFin) != 0 ? 1 : 0);
  conversation.unix_ns = segment.unix_ns;
  latest_unix_ns_.store(segment.unix_ns, std::memory_order_relaxed);
}

/// In Unix time, which begins with 1970, and not before the latest packet.
std::uint64_t PcapngFormat::TimeOf(const TcpConversation& conversation,
                                   std::uint64_t ktime_ns) const {
  const auto unix_ns =
      static_cast<std::int64_t>(ktime_ns + static_cast<std::uint64_t>(options_.realtime_offset_ns));
  return std::max(conversation.unix_ns,
                  static_cast<std::uint64_t>(std::max<std::int64_t>(unix_ns, 0)));
}

void PcapngFormat::StartComment(const ConnectionInfo& connection) {
  comment_ = "pid=";
  AppendDecimal(connection.pid, comment_);
  comment_ += " comm=";
  AppendName(CutUtf8(connection.comm, kMaxNameBytes), comment_);
  if (agent() == nullptr) return;
  comment_ += " host=";
  AppendAgentName(agent()->host, comment_);
  comment_ += " agent=";
  AppendAgentName(agent()->instance, comment_);
}

/// Adds why the packet's addresses are not the connection's.
void PcapngFormat::EndComment(const TcpConversation& conversation,
                              const ConnectionInfo& connection) {
  switch (conversation.addresses) {
    case ShownAddresses::kTrue:
      return;
    case ShownAddresses::kMapped:
      comment_ += "; addresses mapped to IPv6: another connection has the same";
      return;
    case ShownAddresses::kMadeUp:
      comment_ += "; addresses made up: another connection has the same ";
      break;
    case ShownAddresses::kUnknown:
      comment_ += "; addresses unknown";
      if (connection.tuple.family == AddressFamily::kNone) return;
      comment_ += " at first, now ";
      break;
  }
  AppendTuple(connection.tuple, comment_);
}

}  // namespace tlscope
