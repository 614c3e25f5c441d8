// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "processor/wire/connection_codec.h"
#include "processor/wire/payload_encoder.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {

void PayloadEncoder::Encode(const MessageEvent& event) {
  const Message& message = event.message;
  const std::size_t kept = KeptBodyBytes(message, limits_.body_bytes);
  const std::size_t strings =
      message.head.size() + kept + message.trailers.size() + MessageFieldBytes(message);
  Reserve(ConnectionFieldBytes(event.connection, event.uuid) + strings);
  PutConnection(event.connection, event.uuid);
  using Fields = v1::MessageDecoded;
  const auto nested = out_.Begin(v1::BusEvent::kMessageDecodedFieldNumber, strings + 50);
  Direction(Fields::kDirectionFieldNumber, event.direction);
  out_.Varint(Fields::kParserFieldNumber, static_cast<std::uint64_t>(message.parser));
  PutMessageState(message, out_);
  out_.Bytes(Fields::kHeadFieldNumber, message.head);
  out_.Bytes(Fields::kBodyFieldNumber, std::string_view(message.body).substr(0, kept));
  out_.Bytes(Fields::kTrailersFieldNumber, message.trailers);
  PutMessageFields(message, kept, limits_.realtime_offset_ns, out_);
  out_.End(nested);
}

void PayloadEncoder::Encode(const ExchangeEvent& event) {
  Reserve(ConnectionFieldBytes(event.connection, event.uuid) + event.method.size() +
          event.target.size() + event.host.size());
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
  out_.Varint(Fields::kExchangeFieldNumber, event.exchange);
  out_.End(nested);
}

void PayloadEncoder::Encode(const FrameEvent& event) {
  const FrameRecord& frame = event.frame;
  Reserve(ConnectionFieldBytes(event.connection, event.uuid) + frame.type.size() +
          frame.flags.size() + frame.detail.size());
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

void PayloadEncoder::Encode(const PlaintextEvent& event) {
  Reserve(ConnectionFieldBytes(event.connection, event.uuid) + event.data.size());
  PutConnection(event.connection, event.uuid);
  using Fields = v1::PlaintextSeen;
  const auto nested = out_.Begin(v1::BusEvent::kPlaintextSeenFieldNumber, event.data.size() + 16);
  Direction(Fields::kDirectionFieldNumber, event.direction);
  out_.Varint(Fields::kStreamOffsetFieldNumber, event.stream_offset);
  out_.Bytes(Fields::kDataFieldNumber, event.data);
  out_.End(nested);
}

void PayloadEncoder::Encode(const HandshakeEvent& event) {
  const std::size_t offers = std::min(event.offers.size(), kMaxListed);
  std::size_t bytes = event.told.server_name.size() + event.told.protocol.size();
  for (std::size_t i = 0; i < offers; ++i) {
    bytes += event.offers[i].size() + ProtoWriter::kMaxOverhead;
  }
  Reserve(ConnectionFieldBytes(event.connection, event.uuid) + bytes);
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

void PayloadEncoder::Encode(const ProtocolEvent& event) {
  Reserve(ConnectionFieldBytes(event.connection, event.uuid) + event.protocol.size());
  PutConnection(event.connection, event.uuid);
  using Fields = v1::ProtocolDetected;
  const auto nested = out_.Begin(v1::BusEvent::kProtocolDetectedFieldNumber);
  Direction(Fields::kDirectionFieldNumber, event.direction);
  out_.Bytes(Fields::kProtocolFieldNumber, event.protocol);
  out_.Varint(Fields::kSourceFieldNumber, v1::ProtocolDetected::CONTENT);
  out_.End(nested);
}

void PayloadEncoder::Encode(const ConnectionEvent& event) {
  const bool opened = event.event.state == ConnDataEvent::State::kOpened;
  Reserve(ConnectionFieldBytes(event.connection, event.uuid));
  PutConnection(event.connection, event.uuid);
  out_.PutBytes(opened ? v1::BusEvent::kConnectionOpenedFieldNumber
                       : v1::BusEvent::kConnectionClosedFieldNumber,
                {});
}

void PayloadEncoder::Encode(const LossEvent& event) {
  Reserve(ConnectionFieldBytes(event.connection, event.uuid));
  PutConnection(event.connection, event.uuid);
  const auto nested = out_.Begin(v1::BusEvent::kEventsLostFieldNumber);
  Direction(v1::EventsLost::kDirectionFieldNumber, event.direction);
  out_.Varint(v1::EventsLost::kBytesFieldNumber, event.bytes);
  out_.End(nested);
}

}  // namespace tlscope
