// SPDX-License-Identifier: Apache-2.0
#include "processor/bus_codec.h"

#include <algorithm>
#include <variant>

#include "processor/formats/utf8.h"
#include "processor/proto_writer.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

// More gaps than that are told as one cut.
constexpr std::size_t kMaxGaps = 1024;
constexpr std::size_t kMaxListed = 64;

// Bytes that the fields of any event take, without the contents of strings.
constexpr std::size_t kFixedBytes = 1024;

/// Text for a `string` field, which no program reads unless it is UTF-8: paths and names that
/// others chose need not be. Cut to kMaxTextBytes; what is no UTF-8 becomes `?`.
class FieldText {
 public:
  explicit FieldText(std::string_view text) : text_(text.substr(0, kMaxTextBytes)) {
    if (IsUtf8(text_)) return;
    for (std::string_view left = text_; !left.empty();) {
      const std::size_t bytes = Utf8CharacterBytes(left);
      mended_ += bytes == 0 ? std::string_view("?") : left.substr(0, bytes);
      left.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    text_ = mended_;
  }
  FieldText(const FieldText&) = delete;
  FieldText& operator=(const FieldText&) = delete;

  // It is what its bytes are.  NOLINTNEXTLINE(google-explicit-constructor)
  operator std::string_view() const { return text_; }
  std::size_t size() const { return text_.size(); }

 private:
  std::string_view text_;
  std::string mended_;
};

/// Writes one kind of payload after the other: its connection, and its fields.
class Encoder {
 public:
  Encoder(Topic topic, const PayloadLimits& limits, std::vector<char>& buffer)
      : topic_(topic), limits_(limits), buffer_(buffer), out_(nullptr) {}

  std::string_view Encode(const BusPayload& payload, EventKind& kind) {
    std::visit(
        [&](const auto& event) {
          kind = event.event_kind();
          EncodePayload(event);
        },
        payload);
    return {buffer_.data(), static_cast<std::size_t>(out_.end() - buffer_.data())};
  }

 private:
  void Reserve(std::size_t string_bytes) {
    const std::size_t bytes = kFixedBytes + string_bytes;
    if (buffer_.size() < bytes) buffer_.resize(std::max(bytes, 2 * buffer_.size()));
    out_ = ProtoWriter(buffer_.data());
  }

  std::int64_t UnixNs(std::uint64_t ktime_ns) const {
    return ktime_ns == 0 ? 0 : static_cast<std::int64_t>(ktime_ns) + limits_.realtime_offset_ns;
  }

  void Put(int field, const Endpoint& endpoint, AddressFamily family) {
    if (family == AddressFamily::kNone) return;
    const auto nested = out_.Begin(field, 20);
    out_.Bytes(v1::Endpoint::kAddressFieldNumber,
               {reinterpret_cast<const char*>(endpoint.address.data()),
                family == AddressFamily::kIpv4 ? std::size_t{4} : std::size_t{16}});
    out_.Varint(v1::Endpoint::kPortFieldNumber, endpoint.port);
    out_.End(nested);
  }

  static std::size_t BytesOf(const ConnectionInfo& connection, std::string_view uuid) {
    return connection.comm.size() + connection.handshake.server_name.size() +
           connection.handshake.protocol.size() + uuid.size();
  }

  void PutConnection(const ConnectionInfo& connection, std::string_view uuid) {
    using Fields = v1::Connection;
    const auto nested = out_.Begin(v1::BusEvent::kConnectionFieldNumber, 200);
    out_.Varint(Fields::kPidFieldNumber, connection.pid);
    out_.Varint(Fields::kTidFieldNumber, connection.tid);
    out_.Bytes(Fields::kCommFieldNumber, connection.comm);
    if (connection.fd >= 0) {
      out_.PutVarint(Fields::kFdFieldNumber, static_cast<std::uint64_t>(connection.fd));
    }
    Put(Fields::kLocalFieldNumber, connection.tuple.local, connection.tuple.family);
    Put(Fields::kRemoteFieldNumber, connection.tuple.remote, connection.tuple.family);
    out_.Bytes(Fields::kUuidFieldNumber, uuid);
    out_.Varint(Fields::kTlsVersionFieldNumber, connection.handshake.version);
    out_.Bytes(Fields::kServerNameFieldNumber, connection.handshake.server_name);
    out_.Bytes(Fields::kProtocolFieldNumber, connection.handshake.protocol);
    out_.End(nested);
  }

  void Direction(int field, DataType direction) {
    out_.Varint(field, static_cast<std::uint64_t>(direction));
  }

  void EncodePayload(const MessageEvent& event);
  void PutContent(const Message& message);
  void EncodePayload(const ExchangeEvent& event);
  void EncodePayload(const FrameEvent& event);
  void EncodePayload(const PlaintextEvent& event);
  void EncodePayload(const HandshakeEvent& event);
  void EncodePayload(const ProtocolEvent& event);
  void EncodePayload(const ConnectionEvent& event);
  void EncodePayload(const LossEvent& event);
  void EncodePayload(const ProcessEvent& event);
  void EncodePayload(const LibraryEvent& event);
  void EncodePayload(const CaptureStartedEvent& event);
  void EncodePayload(const CaptureCompletedEvent& event);
  void EncodePayload(const CaptureCancelledEvent& event);
  void EncodePayload(const CapturePausedEvent& event);
  void EncodePayload(const CaptureResumedEvent& event);
  void EncodePayload(const ConfigChangedEvent& event);
  void EncodePayload(const CommandEvent& event);
  void EncodePayload(const ProgressEvent& event);
  void EncodePayload(const StageEvent& event);
  void EncodePayload(const MetricEvent& event);
  void EncodePayload(const WarningEvent& event);
  void EncodePayload(const RateLimitEvent& event);
  void EncodePayload(const RetryEvent& event);
  void EncodePayload(const HeartbeatEvent& event);

  const Topic topic_;
  const PayloadLimits& limits_;
  std::vector<char>& buffer_;
  ProtoWriter out_;
};

void Encoder::EncodePayload(const MessageEvent& event) {
  const Message& message = event.message;
  const std::size_t strings = message.head.size() +
                              std::min(message.body.size(), limits_.body_bytes) +
                              message.trailers.size() + message.decoded_from.size() +
                              message.decode_error.size() + message.never_indexed.size() +
                              message.rpc.size() + message.method.size() + message.target.size();
  Reserve(BytesOf(event.connection, event.uuid) + strings +
          2 * ProtoWriter::kMaxOverhead * std::min(message.gaps.size(), kMaxGaps));
  PutConnection(event.connection, event.uuid);
  using Fields = v1::MessageDecoded;
  const auto nested = out_.Begin(v1::BusEvent::kMessageDecodedFieldNumber, strings + 50);
  Direction(Fields::kDirectionFieldNumber, event.direction);
  out_.Varint(Fields::kParserFieldNumber, static_cast<std::uint64_t>(message.parser));
  out_.Varint(Fields::kPacketFieldNumber, static_cast<std::uint64_t>(message.packet));
  out_.Bool(Fields::kIncompleteFieldNumber, !message.complete);
  out_.Bool(Fields::kResynchronisedFieldNumber, message.resynchronised);
  out_.Bytes(Fields::kHeadFieldNumber, message.head);
  PutContent(message);
  out_.Bytes(Fields::kDecodedFromFieldNumber, message.decoded_from);
  out_.Bytes(Fields::kDecodeErrorFieldNumber, message.decode_error);
  out_.Varint(Fields::kPartFieldNumber, message.part);
  out_.Bool(Fields::kLastPartFieldNumber, message.last_part);
  out_.Varint(Fields::kFrameFieldNumber, static_cast<std::uint64_t>(message.frame));
  out_.Varint(Fields::kCloseCodeFieldNumber, message.close_code);
  out_.Varint(Fields::kStreamIdFieldNumber, message.stream_id);
  out_.Bytes(Fields::kNeverIndexedFieldNumber, message.never_indexed);
  out_.Bool(Fields::kGrpcFieldNumber, message.grpc);
  out_.Bytes(Fields::kRpcFieldNumber, message.rpc);
  out_.Bytes(Fields::kMethodFieldNumber, message.method);
  out_.Bytes(Fields::kTargetFieldNumber, message.target);
  out_.Varint(Fields::kStatusFieldNumber, message.status);
  out_.Varint(Fields::kExchangeFieldNumber, message.exchange);
  out_.Signed(Fields::kFirstUnixNsFieldNumber, UnixNs(message.first_ktime_ns));
  out_.Signed(Fields::kLastUnixNsFieldNumber, UnixNs(message.last_ktime_ns));
  out_.End(nested);
}

// What is left out of a body, gaps included, is told as cut: the sizes still add up.
void Encoder::PutContent(const Message& message) {
  using Fields = v1::MessageDecoded;
  std::size_t kept = std::min(message.body.size(), limits_.body_bytes);
  const bool many = message.gaps.size() > kMaxGaps;
  if (many) kept = std::min<std::size_t>(kept, message.gaps[kMaxGaps].position);
  std::uint64_t cut = message.cut_bytes + (message.body.size() - kept);
  out_.Bytes(Fields::kBodyFieldNumber, std::string_view(message.body).substr(0, kept));
  out_.Bytes(Fields::kTrailersFieldNumber, message.trailers);
  for (std::size_t i = 0; i < message.gaps.size(); ++i) {
    const BodyGap& gap = message.gaps[i];
    if (i >= kMaxGaps || gap.position > kept) {
      cut += gap.bytes;
      continue;
    }
    const auto nested = out_.Begin(Fields::kGapsFieldNumber);
    out_.Varint(v1::BodyGap::kPositionFieldNumber, gap.position);
    out_.Varint(v1::BodyGap::kBytesFieldNumber, gap.bytes);
    out_.End(nested);
  }
  out_.Varint(Fields::kContentBytesFieldNumber, message.content_bytes);
  out_.Varint(Fields::kCutBytesFieldNumber, cut);
}

void Encoder::EncodePayload(const ExchangeEvent& event) {
  Reserve(BytesOf(event.connection, event.uuid) + event.method.size() + event.target.size() +
          event.host.size());
  PutConnection(event.connection, event.uuid);
  using Fields = v1::ExchangeCompleted;
  const auto nested = out_.Begin(v1::BusEvent::kExchangeCompletedFieldNumber, 100);
  out_.Bytes(Fields::kMethodFieldNumber, event.method);
  out_.Bytes(Fields::kTargetFieldNumber, event.target);
  out_.Bytes(Fields::kHostFieldNumber, event.host);
  out_.Varint(Fields::kStatusFieldNumber, event.status);
  out_.Varint(Fields::kRequestBytesFieldNumber, event.request_bytes);
  out_.Varint(Fields::kResponseBytesFieldNumber, event.response_bytes);
  out_.Signed(Fields::kRequestUnixNsFieldNumber, UnixNs(event.request_ktime_ns));
  out_.Signed(Fields::kFirstByteUnixNsFieldNumber, UnixNs(event.first_byte_ktime_ns));
  out_.Signed(Fields::kLastByteUnixNsFieldNumber, UnixNs(event.last_byte_ktime_ns));
  out_.End(nested);
}

void Encoder::EncodePayload(const FrameEvent& event) {
  const FrameRecord& frame = event.frame;
  Reserve(BytesOf(event.connection, event.uuid) + frame.type.size() + frame.flags.size() +
          frame.detail.size());
  PutConnection(event.connection, event.uuid);
  using Fields = v1::FrameDecoded;
  const auto nested = out_.Begin(v1::BusEvent::kFrameDecodedFieldNumber, 50);
  Direction(Fields::kDirectionFieldNumber, event.direction);
  out_.Bytes(Fields::kTypeFieldNumber, frame.type);
  out_.Bytes(Fields::kFlagsFieldNumber, frame.flags);
  out_.Varint(Fields::kStreamIdFieldNumber, frame.stream_id);
  out_.Varint(Fields::kLengthFieldNumber, frame.length);
  out_.Bytes(Fields::kFrameDetailFieldNumber, frame.detail);
  out_.End(nested);
}

void Encoder::EncodePayload(const PlaintextEvent& event) {
  Reserve(BytesOf(event.connection, event.uuid) + event.data.size());
  PutConnection(event.connection, event.uuid);
  using Fields = v1::PlaintextSeen;
  const auto nested = out_.Begin(v1::BusEvent::kPlaintextSeenFieldNumber, event.data.size() + 16);
  Direction(Fields::kDirectionFieldNumber, event.direction);
  out_.Varint(Fields::kStreamOffsetFieldNumber, event.stream_offset);
  out_.Bytes(Fields::kDataFieldNumber, event.data);
  out_.End(nested);
}

void Encoder::EncodePayload(const HandshakeEvent& event) {
  const std::size_t offers = std::min(event.offers.size(), kMaxListed);
  std::size_t bytes = event.told.server_name.size() + event.told.protocol.size();
  for (std::size_t i = 0; i < offers; ++i) {
    bytes += event.offers[i].size() + ProtoWriter::kMaxOverhead;
  }
  Reserve(BytesOf(event.connection, event.uuid) + bytes);
  PutConnection(event.connection, event.uuid);
  switch (event.kind) {
    case SSLHandshakeEvent::Kind::kClientHello: {
      using Fields = v1::ServerNameFound;
      const auto nested = out_.Begin(v1::BusEvent::kServerNameFoundFieldNumber, bytes);
      Direction(Fields::kDirectionFieldNumber, event.direction);
      out_.Bytes(Fields::kServerNameFieldNumber, event.told.server_name);
      for (std::size_t i = 0; i < offers; ++i) {
        out_.PutBytes(Fields::kOfferedProtocolsFieldNumber, event.offers[i]);
      }
      return out_.End(nested);
    }
    case SSLHandshakeEvent::Kind::kServerHello: {
      using Fields = v1::TlsVersionDetected;
      const auto nested = out_.Begin(v1::BusEvent::kTlsVersionDetectedFieldNumber);
      Direction(Fields::kDirectionFieldNumber, event.direction);
      out_.Varint(Fields::kVersionFieldNumber, event.told.version);
      return out_.End(nested);
    }
    case SSLHandshakeEvent::Kind::kProtocol: {
      using Fields = v1::ProtocolDetected;
      const auto nested = out_.Begin(v1::BusEvent::kProtocolDetectedFieldNumber);
      Direction(Fields::kDirectionFieldNumber, event.direction);
      out_.Bytes(Fields::kProtocolFieldNumber, event.told.protocol);
      out_.Varint(Fields::kSourceFieldNumber, v1::ProtocolDetected::ALPN);
      return out_.End(nested);
    }
  }
}

void Encoder::EncodePayload(const ProtocolEvent& event) {
  Reserve(BytesOf(event.connection, event.uuid) + event.protocol.size());
  PutConnection(event.connection, event.uuid);
  using Fields = v1::ProtocolDetected;
  const auto nested = out_.Begin(v1::BusEvent::kProtocolDetectedFieldNumber);
  Direction(Fields::kDirectionFieldNumber, event.direction);
  out_.Bytes(Fields::kProtocolFieldNumber, event.protocol);
  out_.Varint(Fields::kSourceFieldNumber, v1::ProtocolDetected::CONTENT);
  out_.End(nested);
}

void Encoder::EncodePayload(const ConnectionEvent& event) {
  const bool opened = event.event.state == ConnDataEvent::State::kOpened;
  Reserve(BytesOf(event.connection, event.uuid));
  PutConnection(event.connection, event.uuid);
  out_.PutBytes(opened ? v1::BusEvent::kConnectionOpenedFieldNumber
                       : v1::BusEvent::kConnectionClosedFieldNumber,
                {});
}

void Encoder::EncodePayload(const LossEvent& event) {
  Reserve(BytesOf(event.connection, event.uuid));
  PutConnection(event.connection, event.uuid);
  const auto nested = out_.Begin(v1::BusEvent::kEventsLostFieldNumber);
  Direction(v1::EventsLost::kDirectionFieldNumber, event.direction);
  out_.Varint(v1::EventsLost::kBytesFieldNumber, event.bytes);
  out_.End(nested);
}

void Encoder::EncodePayload(const ProcessEvent& event) {
  Reserve(2 * kMaxTextBytes);
  using Fields = v1::ProcessDiscovered;
  const auto nested = out_.Begin(v1::BusEvent::kProcessDiscoveredFieldNumber, 60);
  out_.Varint(Fields::kPidFieldNumber, event.pid);
  out_.Bytes(Fields::kCommFieldNumber, FieldText(event.comm));
  out_.Bytes(Fields::kLibraryFieldNumber, FieldText(event.library));
  out_.End(nested);
}

void Encoder::EncodePayload(const LibraryEvent& event) {
  Reserve(FieldText(event.path).size() + FieldText(event.error).size());
  using Fields = v1::LibraryFound;
  const auto nested = out_.Begin(v1::BusEvent::kLibraryFoundFieldNumber, 60);
  out_.Bytes(Fields::kPathFieldNumber, FieldText(event.path));
  out_.Varint(Fields::kStateFieldNumber, topic_ == Topic::kLibraryAttached   ? Fields::ATTACHED
                                         : topic_ == Topic::kLibraryDetached ? Fields::DETACHED
                                                                             : Fields::FAILED);
  out_.Bytes(Fields::kErrorFieldNumber, FieldText(event.error));
  out_.End(nested);
}

void Encoder::EncodePayload(const CaptureStartedEvent& event) {
  const auto arguments = event.arguments.first(std::min(event.arguments.size(), kMaxListed));
  std::size_t bytes = FieldText(event.version).size() + FieldText(event.host).size() +
                      FieldText(event.instance).size() + FieldText(event.kernel).size();
  for (const std::string& argument : arguments) {
    bytes += FieldText(argument).size() + ProtoWriter::kMaxOverhead;
  }
  Reserve(bytes);
  using Fields = v1::CaptureStarted;
  const auto nested = out_.Begin(v1::BusEvent::kCaptureStartedFieldNumber, bytes + 16);
  out_.Bytes(Fields::kVersionFieldNumber, FieldText(event.version));
  out_.Bytes(Fields::kHostFieldNumber, FieldText(event.host));
  out_.Bytes(Fields::kInstanceFieldNumber, FieldText(event.instance));
  out_.Varint(Fields::kPidFieldNumber, event.pid);
  out_.Bytes(Fields::kKernelFieldNumber, FieldText(event.kernel));
  for (const std::string& argument : arguments) {
    out_.PutBytes(Fields::kArgumentsFieldNumber, FieldText(argument));
  }
  out_.End(nested);
}

void Encoder::EncodePayload(const CaptureCompletedEvent& event) {
  Reserve(FieldText(event.reason).size());
  using Fields = v1::CaptureCompleted;
  const auto nested = out_.Begin(v1::BusEvent::kCaptureCompletedFieldNumber);
  out_.Varint(Fields::kMessagesFieldNumber, event.messages);
  out_.Varint(Fields::kBytesFieldNumber, event.bytes);
  out_.Varint(Fields::kLostBytesFieldNumber, event.lost_bytes);
  out_.Bytes(Fields::kReasonFieldNumber, FieldText(event.reason));
  out_.End(nested);
}

void Encoder::EncodePayload(const CaptureCancelledEvent& event) {
  Reserve(FieldText(event.reason).size());
  const auto nested = out_.Begin(v1::BusEvent::kCaptureCancelledFieldNumber);
  out_.Bytes(v1::CaptureCancelled::kReasonFieldNumber, FieldText(event.reason));
  out_.End(nested);
}

void Encoder::EncodePayload(const CapturePausedEvent& /*event*/) {
  Reserve(0);
  out_.PutBytes(v1::BusEvent::kCapturePausedFieldNumber, {});
}

void Encoder::EncodePayload(const CaptureResumedEvent& event) {
  Reserve(0);
  const auto nested = out_.Begin(v1::BusEvent::kCaptureResumedFieldNumber);
  out_.Varint(v1::CaptureResumed::kSkippedBytesFieldNumber, event.skipped_bytes);
  out_.End(nested);
}

void Encoder::EncodePayload(const ConfigChangedEvent& event) {
  Reserve(3 * kMaxTextBytes);
  using Fields = v1::ConfigChanged;
  const auto nested = out_.Begin(v1::BusEvent::kConfigChangedFieldNumber);
  out_.Bytes(Fields::kKeyFieldNumber, FieldText(event.key));
  out_.Bytes(Fields::kOldValueFieldNumber, FieldText(event.old_value));
  out_.Bytes(Fields::kNewValueFieldNumber, FieldText(event.new_value));
  out_.End(nested);
}

void Encoder::EncodePayload(const CommandEvent& event) {
  Reserve(2 * kMaxTextBytes);
  using Fields = v1::CommandReceived;
  const auto nested = out_.Begin(v1::BusEvent::kCommandReceivedFieldNumber);
  out_.Bytes(Fields::kCommandFieldNumber, FieldText(event.command));
  out_.Varint(Fields::kUidFieldNumber, event.uid);
  out_.Varint(Fields::kPidFieldNumber, event.pid);
  out_.Bytes(Fields::kErrorFieldNumber, FieldText(event.error));
  out_.End(nested);
}

void Encoder::EncodePayload(const ProgressEvent& event) {
  Reserve(2 * kMaxTextBytes);
  using Fields = v1::ProgressUpdate;
  const auto nested = out_.Begin(v1::BusEvent::kProgressUpdateFieldNumber);
  out_.Bytes(Fields::kTaskFieldNumber, FieldText(event.task));
  out_.Varint(Fields::kDoneFieldNumber, event.done);
  out_.Varint(Fields::kTotalFieldNumber, event.total);
  out_.Bytes(Fields::kUnitFieldNumber, FieldText(event.unit));
  out_.End(nested);
}

void Encoder::EncodePayload(const StageEvent& event) {
  Reserve(0);
  const auto nested = out_.Begin(v1::BusEvent::kStageChangedFieldNumber);
  out_.Bytes(v1::StageChanged::kStageFieldNumber, StageName(event.stage));
  out_.Bytes(v1::StageChanged::kPreviousFieldNumber, StageName(event.previous));
  out_.End(nested);
}

void Encoder::EncodePayload(const MetricEvent& event) {
  const auto labels = event.labels.first(std::min(event.labels.size(), kMaxListed));
  std::size_t bytes = FieldText(event.name).size();
  for (const auto& [key, value] : labels) {
    bytes += FieldText(key).size() + FieldText(value).size() + 3 * ProtoWriter::kMaxOverhead;
  }
  Reserve(bytes);
  using Fields = v1::MetricRecorded;
  const auto nested = out_.Begin(v1::BusEvent::kMetricRecordedFieldNumber);
  out_.Bytes(Fields::kNameFieldNumber, FieldText(event.name));
  for (const auto& [key, value] : labels) {
    // A map is a repeated message of key (1) and value (2): protobuf.dev, "Maps".
    const auto entry = out_.Begin(Fields::kLabelsFieldNumber);
    out_.Bytes(1, FieldText(key));
    out_.Bytes(2, FieldText(value));
    out_.End(entry);
  }
  out_.PutDouble(Fields::kValueFieldNumber, event.value);
  out_.End(nested);
}

void Encoder::EncodePayload(const WarningEvent& event) {
  Reserve(FieldText(event.text).size());
  const auto nested = out_.Begin(v1::BusEvent::kWarningIssuedFieldNumber);
  out_.Bytes(v1::WarningIssued::kTextFieldNumber, FieldText(event.text));
  out_.End(nested);
}

void Encoder::EncodePayload(const RateLimitEvent& event) {
  Reserve(0);
  using Fields = v1::RateLimitTriggered;
  const auto nested = out_.Begin(v1::BusEvent::kRateLimitTriggeredFieldNumber);
  out_.Varint(Fields::kLimitPerSecondFieldNumber, event.limit_per_second);
  out_.Varint(Fields::kDroppedFieldNumber, event.dropped);
  out_.End(nested);
}

void Encoder::EncodePayload(const RetryEvent& event) {
  Reserve(2 * kMaxTextBytes);
  using Fields = v1::RetryScheduled;
  const auto nested = out_.Begin(v1::BusEvent::kRetryScheduledFieldNumber);
  out_.Bytes(Fields::kWhatFieldNumber, FieldText(event.what));
  out_.Bytes(Fields::kReasonFieldNumber, FieldText(event.reason));
  out_.Varint(Fields::kDelayMsFieldNumber, event.delay_ms);
  out_.End(nested);
}

void Encoder::EncodePayload(const HeartbeatEvent& event) {
  Reserve(0);
  using Fields = v1::Heartbeat;
  const auto nested = out_.Begin(v1::BusEvent::kHeartbeatFieldNumber);
  out_.Varint(Fields::kBeatFieldNumber, event.beat);
  out_.Varint(Fields::kUptimeNsFieldNumber, event.uptime_ns);
  out_.Varint(Fields::kIntervalMsFieldNumber, event.interval_ms);
  out_.Bytes(Fields::kStageFieldNumber, StageName(event.stage));
  out_.End(nested);
}

}  // namespace

std::string EncodeTags(const std::vector<std::string>& tags) {
  std::size_t bytes = 0;
  for (const std::string& tag : tags) bytes += tag.size() + ProtoWriter::kMaxOverhead;
  std::string encoded(bytes, '\0');
  ProtoWriter out(encoded.data());
  for (const std::string& tag : tags) out.PutBytes(v1::Correlation::kTagsFieldNumber, tag);
  encoded.resize(static_cast<std::size_t>(out.end() - encoded.data()));
  return encoded;
}

std::size_t EncodeStamp(const EventStamp& stamp, std::string_view encoded_tags, char* out) {
  using Event = v1::BusEvent;
  using Tree = v1::Correlation;
  ProtoWriter writer(out);
  writer.Varint(Event::kSequenceFieldNumber, stamp.topic_sequence);
  writer.Signed(Event::kTimeUnixNsFieldNumber, stamp.time_unix_ns);
  writer.Bytes(Event::kTopicFieldNumber, TopicName(stamp.topic));
  writer.Varint(Event::kKindFieldNumber, static_cast<std::uint64_t>(stamp.kind));
  const auto nested = writer.Begin(Event::kCorrelationFieldNumber);
  writer.Fixed64(Tree::kIdFieldNumber, stamp.correlation.id);
  writer.Fixed64(Tree::kParentIdFieldNumber, stamp.correlation.parent);
  writer.Fixed64(Tree::kRootIdFieldNumber, stamp.correlation.root);
  writer.Varint(Tree::kSequenceFieldNumber, stamp.root_sequence);
  writer.Bytes(Tree::kStageFieldNumber, StageName(stamp.correlation.stage));
  writer.Raw(encoded_tags);
  writer.End(nested);
  return static_cast<std::size_t>(writer.end() - out);
}

std::string_view EncodePayload(Topic topic, const BusPayload& payload, const PayloadLimits& limits,
                               std::vector<char>& buffer, EventKind& kind) {
  return Encoder(topic, limits, buffer).Encode(payload, kind);
}

}  // namespace tlscope
