// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/protobuf_format.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "processor/text/field_text.h"
#include "processor/wire/connection_codec.h"
#include "processor/wire/delimited.h"
#include "processor/wire/proto_writer.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {
namespace {

// Bytes that the fields of an entry take besides strings, on either side of its payload.
constexpr std::size_t kFixedBytes = 512;

// Tag and length of a field of LogEntry.
constexpr std::size_t kMaxPrefixBytes = 16;

/// Under which topic an event that is no message goes, and when it happened; nothing for one that
/// is not part of the stream.
struct TopicAndTime {
  Topic topic;
  std::uint64_t ktime_ns;
};
struct TopicAndTimeOf {
  using Where = std::optional<TopicAndTime>;
  Where operator()(const ExchangeEvent& event) const {
    return TopicAndTime{Topic::kHttpExchange,
                        std::max(event.last_byte_ktime_ns, event.request_ktime_ns)};
  }
  Where operator()(const FrameEvent& event) const {
    return TopicAndTime{Topic::kHttpFrame, event.frame.ktime_ns};
  }
  Where operator()(const PlaintextEvent& event) const {
    return TopicAndTime{Topic::kTlsPlaintext, event.ktime_ns};
  }
  Where operator()(const HandshakeEvent& event) const {
    return TopicAndTime{Topic::kTlsHandshake, event.ktime_ns};
  }
  Where operator()(const ProtocolEvent& event) const {
    return TopicAndTime{Topic::kTlsProtocol, event.ktime_ns};
  }
  Where operator()(const ConnectionEvent& event) const {
    const bool opened = event.event.state == ConnDataEvent::State::kOpened;
    return TopicAndTime{opened ? Topic::kConnOpened : Topic::kConnClosed,
                        event.event.origin.ktime_ns};
  }
  Where operator()(const LossEvent& event) const {
    return TopicAndTime{Topic::kTlsLost, event.ktime_ns};
  }
  Where operator()(const RateLimitEvent& event) const {
    return TopicAndTime{Topic::kTlsLost, event.ktime_ns};
  }
  template <class Other>
  Where operator()(const Other& /*event*/) const {
    return {};
  }
};

/// Of the events of a connection, which is their root; an exchange has a place below it that only
/// its publisher knows.
Correlation CorrelationOf(const BusPayload& payload) {
  return std::visit(
      [](const auto& event) -> Correlation {
        if constexpr (requires { event.connection; }) {
          Correlation tree = event.connection.correlation;
          if (event.event_kind() == EventKind::kExchangeCompleted) tree.id = 0;
          return tree;
        }
        return {};
      },
      payload);
}

class AddressText {
 public:
  AddressText(AddressFamily family, const Endpoint& endpoint) {
    if (family == AddressFamily::kNone) return;
    inet_ntop(family == AddressFamily::kIpv4 ? AF_INET : AF_INET6, endpoint.address.data(),
              text_.data(), static_cast<socklen_t>(text_.size()));
  }
  std::string_view view() const { return text_.data(); }

 private:
  std::array<char, INET6_ADDRSTRLEN> text_{};
};

ProtoWriter Room(std::vector<char>& buffer, std::size_t bytes) {
  if (buffer.size() < bytes) buffer.resize(std::max(bytes, 2 * buffer.size()));
  return ProtoWriter(buffer.data());
}

std::string_view Written(const std::vector<char>& buffer, const ProtoWriter& out) {
  return {buffer.data(), static_cast<std::size_t>(out.end() - buffer.data())};
}

std::size_t BytesOf(const std::vector<std::string_view>& pieces) {
  std::size_t bytes = 0;
  for (const std::string_view piece : pieces) bytes += piece.size();
  return bytes;
}

/// The beginning of an entry whose payload, of `bytes` bytes, is field `field`.
class EntryPrefix {
 public:
  EntryPrefix(v1::LogType type, int field, std::size_t bytes) {
    ProtoWriter out(bytes_.data());
    out.Varint(v1::LogEntry::kLogTypeFieldNumber, static_cast<std::uint64_t>(type));
    out.PutLength(field, bytes);
    size_ = static_cast<std::size_t>(out.end() - bytes_.data());
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 2 * kMaxPrefixBytes> bytes_;
  std::size_t size_;
};

void AppendAgent(const AgentIdentity& agent, std::string& out) {
  v1::LogEntry entry;
  v1::Agent& to = *entry.mutable_agent();
  to.set_host(std::string(FieldText(agent.host)));
  to.set_instance(std::string(FieldText(agent.instance)));
  to.set_stream_id(agent.stream_id);
  entry.AppendToString(&out);
}

}  // namespace

ProtobufFormat::ProtobufFormat(ProtobufFormatOptions options)
    : options_(std::move(options)),
      limits_{options_.realtime_offset_ns, std::numeric_limits<std::size_t>::max()},
      event_tags_(EncodeTags(options_.tags, v1::Event::kTagsFieldNumber)),
      bus_tags_(EncodeTags(options_.tags)) {}

std::string ProtobufFormat::Start() const { return options_.delimited ? Hello(0) : std::string(); }

std::string ProtobufFormat::Hello(std::uint64_t next_sequence) const {
  v1::LogEntry entry;
  entry.set_log_type(v1::LOG_TYPE_HELLO);
  v1::Hello& hello = *entry.mutable_hello();
  hello.mutable_agent()->set_host(std::string(FieldText(options_.agent.host)));
  hello.mutable_agent()->set_instance(std::string(FieldText(options_.agent.instance)));
  hello.mutable_agent()->set_stream_id(options_.agent.stream_id);
  hello.set_version(options_.version);
  hello.set_pid(options_.pid);
  hello.set_next_sequence(next_sequence);
  hello.set_plaintext(options_.plaintext);
  std::string out;
  AppendDelimited(entry, out);
  return out;
}

void ProtobufFormat::Append(const BusPayload& payload, std::string& out) {
  if (const auto* message = std::get_if<MessageEvent>(&payload)) {
    return AppendMessage(*message, out);
  }
  const std::optional<TopicAndTime> at = std::visit(TopicAndTimeOf(), payload);
  if (at) AppendBusEvent(at->topic, at->ktime_ns, payload, out);
}

void ProtobufFormat::AppendEntry(std::string_view entry, std::string& out) const {
  std::string named;
  if (agent() != nullptr) AppendAgent(*agent(), named);
  PutPieces({entry, named}, out);
}

/// Straight from the message to `out`: bodies are copied once.
void ProtobufFormat::AppendMessage(const MessageEvent& event, std::string& out) {
  using Fields = v1::Event;
  const Message& message = event.message;
  const ConnectionInfo& connection = event.connection;
  const Tuple& tuple = connection.tuple;
  const std::size_t kept = KeptBodyBytes(message, limits_.body_bytes);
  const std::size_t payload_bytes = message.head.size() + kept + message.trailers.size();

  ProtoWriter head = Room(head_, kFixedBytes + ConnectionFieldBytes(connection, event.uuid));
  head.Signed(Fields::kTimestampFieldNumber,
              UnixNsOf(message.last_ktime_ns, options_.realtime_offset_ns));
  head.Bytes(Fields::kUuidFieldNumber, event.uuid);
  head.Varint(Fields::kPidFieldNumber, connection.pid);
  head.Bytes(Fields::kPnameFieldNumber, connection.comm);
  head.Bytes(Fields::kSrcIpFieldNumber, AddressText(tuple.family, tuple.local).view());
  head.Varint(Fields::kSrcPortFieldNumber, tuple.local.port);
  head.Bytes(Fields::kDstIpFieldNumber, AddressText(tuple.family, tuple.remote).view());
  head.Varint(Fields::kDstPortFieldNumber, tuple.remote.port);
  head.Varint(Fields::kTypeFieldNumber, static_cast<std::uint64_t>(message.parser));
  head.Varint(Fields::kLengthFieldNumber, payload_bytes);
  if (payload_bytes != 0) head.PutLength(Fields::kPayloadFieldNumber, payload_bytes);

  const std::size_t fields = MessageFieldBytes(message);
  ProtoWriter middle = Room(middle_, 2 * kFixedBytes + event_tags_.size() + fields +
                                         ConnectionFieldBytes(connection, {}));
  middle.Varint(Fields::kDirectionFieldNumber, static_cast<std::uint64_t>(event.direction));
  middle.Varint(Fields::kHeadBytesFieldNumber, message.head.size());
  middle.Varint(Fields::kTrailerBytesFieldNumber, message.trailers.size());
  middle.Fixed64(Fields::kConnectionIdFieldNumber, connection.correlation.root);
  PutConnectionRest(Fields::kConnectionFieldNumber, connection, middle);
  const auto nested = middle.Begin(Fields::kMessageFieldNumber, fields + 40);
  PutMessageState(message, middle);
  PutMessageFields(message, kept, options_.realtime_offset_ns, middle);
  middle.End(nested);
  middle.Raw(event_tags_);

  pieces_ = {{},
             Written(head_, head),
             message.head,
             std::string_view(message.body).substr(0, kept),
             message.trailers,
             Written(middle_, middle)};
  const EntryPrefix prefix(v1::LOG_TYPE_EVENT, v1::LogEntry::kEventPayloadFieldNumber,
                           BytesOf(pieces_));
  pieces_.front() = prefix.view();
  pieces_.push_back(EncodeEnd());
  PutPieces(pieces_, out);
}

void ProtobufFormat::AppendBusEvent(Topic topic, std::uint64_t ktime_ns, const BusPayload& payload,
                                    std::string& out) {
  EventStamp stamp{.topic = topic,
                   .time_unix_ns = UnixNsOf(ktime_ns, options_.realtime_offset_ns),
                   .correlation = CorrelationOf(payload)};
  const std::string_view detail = EncodePayload(topic, payload, limits_, payload_, stamp.kind);
  Room(head_, MaxStampBytes(bus_tags_.size()));
  const std::size_t stamp_bytes = EncodeStamp(stamp, bus_tags_, head_.data());
  pieces_ = {{}, {head_.data(), stamp_bytes}, detail};
  const EntryPrefix prefix(v1::LOG_TYPE_BUS_EVENT, v1::LogEntry::kBusEventFieldNumber,
                           BytesOf(pieces_));
  pieces_.front() = prefix.view();
  pieces_.push_back(EncodeEnd());
  PutPieces(pieces_, out);
}

/// What follows the payload of the next entry.
std::string_view ProtobufFormat::EncodeEnd() {
  std::array<char, ProtoWriter::kMaxOverhead> sequence;
  ProtoWriter out(sequence.data());
  out.Varint(v1::LogEntry::kSequenceFieldNumber, ++sequence_);
  end_.assign(sequence.data(), out.end());
  if (agent() != nullptr) AppendAgent(*agent(), end_);
  return end_;
}

void ProtobufFormat::PutPieces(const std::vector<std::string_view>& pieces,
                               std::string& out) const {
  const std::size_t bytes = BytesOf(pieces);
  out.reserve(out.size() + bytes + kMaxPrefixBytes);
  if (options_.delimited) AppendVarint(bytes, out);
  for (const std::string_view piece : pieces) out += piece;
}

}  // namespace tlscope
