// SPDX-License-Identifier: Apache-2.0
#include "processor/wire/bus_event_reader.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

std::uint16_t To16(std::uint32_t value) {
  return value <= std::numeric_limits<std::uint16_t>::max() ? static_cast<std::uint16_t>(value)
                                                            : std::uint16_t{0};
}

std::uint64_t Time(std::int64_t unix_ns) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(unix_ns, 0));
}

/// Of an enumeration whose values are 0 to `last`.
template <class Enum>
Enum ToEnum(std::uint32_t value, Enum last) {
  return value <= static_cast<std::uint32_t>(last) ? static_cast<Enum>(value) : Enum{};
}

DataType Direction(v1::DataType direction) {
  return direction == v1::WRITE ? DataType::kWrite : DataType::kRead;
}

/// Of a newer agent there may be others.
Stage ToStage(std::string_view name) { return StageNamed(name).value_or(Stage::kCapturing); }

AddressFamily ReadEndpoint(const v1::Endpoint& from, Endpoint& to) {
  to = {};
  const std::string& address = from.address();
  if (address.size() != 4 && address.size() != to.address.size()) return AddressFamily::kNone;
  std::copy(address.begin(), address.end(), to.address.begin());
  to.port = To16(from.port());
  return address.size() == 4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
}

}  // namespace

const BusPayload* BusEventReader::Read(const v1::BusEvent& event) {
  ReadConnection(event.connection());
  const v1::Correlation& tree = event.correlation();
  connection_.correlation = Correlation::Root(tree.root_id(), ToStage(tree.stage()));
  payload_.reset();
  const bool read = ReadOfConnection(event) || ReadOfHandshake(event) || ReadOfAgent(event) ||
                    ReadOfHealth(event);
  return read ? &*payload_ : nullptr;
}

const BusPayload* BusEventReader::Read(const v1::BusEvent& event, const MessageContent& content) {
  const BusPayload* const read = Read(event);
  message_.head = content.head;
  message_.body = content.body;
  message_.trailers = content.trailers;
  return read;
}

void BusEventReader::ReadConnection(const v1::Connection& connection) {
  connection_.pid = connection.pid();
  connection_.tid = connection.tid();
  connection_.comm = connection.comm();
  connection_.fd = connection.has_fd() ? connection.fd() : -1;
  Tuple& tuple = connection_.tuple;
  tuple.family = ReadEndpoint(connection.remote(), tuple.remote);
  if (ReadEndpoint(connection.local(), tuple.local) != tuple.family) tuple = {};
  connection_.handshake.version = To16(connection.tls_version());
  connection_.handshake.server_name = connection.server_name();
  connection_.handshake.protocol = connection.protocol();
  uuid_ = connection.uuid();
}

void BusEventReader::ReadMessage(const v1::MessageDecoded& from) {
  message_.parser = ToEnum(from.parser(), ParserType::kWebSocket);
  message_.packet = ToEnum(from.packet(), PacketType::kWebSocket);
  message_.complete = !from.incomplete();
  message_.resynchronised = from.resynchronised();
  message_.head = from.head();
  message_.body = from.body();
  message_.trailers = from.trailers();
  message_.gaps.clear();
  for (const v1::BodyGap& gap : from.gaps()) message_.gaps.push_back({gap.position(), gap.bytes()});
  message_.content_bytes = from.content_bytes();
  message_.cut_bytes = from.cut_bytes();
  message_.decoded_from = from.decoded_from();
  message_.decode_error = from.decode_error();
  message_.part = from.part();
  message_.last_part = from.last_part();
  message_.frame = ToEnum(from.frame(), FrameKind::kPong);
  message_.close_code = To16(from.close_code());
  message_.stream_id = from.stream_id();
  message_.never_indexed = from.never_indexed();
  message_.grpc = from.grpc();
  message_.rpc = from.rpc();
  message_.method = from.method();
  message_.target = from.target();
  message_.status = To16(from.status());
  message_.exchange = from.exchange();
  message_.first_ktime_ns = Time(from.first_unix_ns());
  message_.last_ktime_ns = Time(from.last_unix_ns());
}

/// What is said over a connection, and its beginning and end.
bool BusEventReader::ReadOfConnection(const v1::BusEvent& event) {
  const std::uint64_t time = Time(event.time_unix_ns());
  switch (event.detail_case()) {
    case v1::BusEvent::kMessageDecoded:
      ReadMessage(event.message_decoded());
      payload_.emplace(MessageEvent{connection_, Direction(event.message_decoded().direction()),
                                    uuid_, message_});
      return true;
    case v1::BusEvent::kExchangeCompleted: {
      const v1::ExchangeCompleted& from = event.exchange_completed();
      payload_.emplace(ExchangeEvent{
          connection_, uuid_, from.method(), from.target(), from.host(), To16(from.status()),
          from.request_bytes(), from.response_bytes(), Time(from.request_unix_ns()),
          Time(from.first_byte_unix_ns()), Time(from.last_byte_unix_ns()), from.exchange()});
      return true;
    }
    case v1::BusEvent::kFrameDecoded: {
      const v1::FrameDecoded& from = event.frame_decoded();
      frame_ = {from.type(),   from.flags(),        from.stream_id(),
                from.length(), from.frame_detail(), time};
      payload_.emplace(FrameEvent{connection_, Direction(from.direction()), uuid_, frame_});
      return true;
    }
    case v1::BusEvent::kPlaintextSeen: {
      const v1::PlaintextSeen& from = event.plaintext_seen();
      payload_.emplace(PlaintextEvent{connection_, Direction(from.direction()), uuid_,
                                      from.stream_offset(), from.data(), time});
      return true;
    }
    case v1::BusEvent::kConnectionOpened:
    case v1::BusEvent::kConnectionClosed:
      conn_event_ = {};
      conn_event_.origin = {time, connection_.pid, connection_.tid, {}};
      std::copy_n(connection_.comm.begin(),
                  std::min(connection_.comm.size(), conn_event_.origin.comm_bytes.size()),
                  conn_event_.origin.comm_bytes.begin());
      conn_event_.tuple = connection_.tuple;
      conn_event_.state = event.has_connection_opened() ? ConnDataEvent::State::kOpened
                                                        : ConnDataEvent::State::kClosed;
      payload_.emplace(ConnectionEvent{connection_, uuid_, conn_event_});
      return true;
    case v1::BusEvent::kEventsLost:
      payload_.emplace(LossEvent{connection_, Direction(event.events_lost().direction()), uuid_,
                                 event.events_lost().bytes(), time});
      return true;
    default:
      return false;
  }
}

bool BusEventReader::ReadOfHandshake(const v1::BusEvent& event) {
  using Kind = SSLHandshakeEvent::Kind;
  told_ = {};
  offers_.clear();
  const auto tell = [&](v1::DataType direction, Kind kind) {
    payload_.emplace(HandshakeEvent{connection_, Direction(direction), uuid_, kind, told_, offers_,
                                    Time(event.time_unix_ns())});
    return true;
  };
  switch (event.detail_case()) {
    case v1::BusEvent::kServerNameFound:
      told_.server_name = event.server_name_found().server_name();
      offers_.assign(event.server_name_found().offered_protocols().begin(),
                     event.server_name_found().offered_protocols().end());
      return tell(event.server_name_found().direction(), Kind::kClientHello);
    case v1::BusEvent::kTlsVersionDetected:
      told_.version = To16(event.tls_version_detected().version());
      return tell(event.tls_version_detected().direction(), Kind::kServerHello);
    case v1::BusEvent::kProtocolDetected: {
      const v1::ProtocolDetected& from = event.protocol_detected();
      if (from.source() == v1::ProtocolDetected::ALPN) {
        told_.protocol = from.protocol();
        return tell(from.direction(), Kind::kProtocol);
      }
      payload_.emplace(ProtocolEvent{connection_, Direction(from.direction()), uuid_,
                                     from.protocol(), Time(event.time_unix_ns())});
      return true;
    }
    default:
      return false;
  }
}

/// What the agent does.
bool BusEventReader::ReadOfAgent(const v1::BusEvent& event) {
  switch (event.detail_case()) {
    case v1::BusEvent::kCaptureStarted: {
      const v1::CaptureStarted& from = event.capture_started();
      arguments_.assign(from.arguments().begin(), from.arguments().end());
      payload_.emplace(CaptureStartedEvent{from.version(), from.host(), from.instance(), from.pid(),
                                           from.kernel(), arguments_});
      return true;
    }
    case v1::BusEvent::kCaptureCompleted: {
      const v1::CaptureCompleted& from = event.capture_completed();
      payload_.emplace(
          CaptureCompletedEvent{from.messages(), from.bytes(), from.lost_bytes(), from.reason()});
      return true;
    }
    case v1::BusEvent::kCaptureCancelled:
      payload_.emplace(CaptureCancelledEvent{event.capture_cancelled().reason()});
      return true;
    case v1::BusEvent::kCapturePaused:
      payload_.emplace(CapturePausedEvent{});
      return true;
    case v1::BusEvent::kCaptureResumed:
      payload_.emplace(CaptureResumedEvent{event.capture_resumed().skipped_bytes()});
      return true;
    case v1::BusEvent::kConfigChanged: {
      const v1::ConfigChanged& from = event.config_changed();
      payload_.emplace(ConfigChangedEvent{from.key(), from.old_value(), from.new_value()});
      return true;
    }
    case v1::BusEvent::kCommandReceived: {
      const v1::CommandReceived& from = event.command_received();
      payload_.emplace(CommandEvent{from.command(), from.uid(), from.pid(), from.error()});
      return true;
    }
    case v1::BusEvent::kProgressUpdate: {
      const v1::ProgressUpdate& from = event.progress_update();
      payload_.emplace(ProgressEvent{from.task(), from.done(), from.total(), from.unit()});
      return true;
    }
    case v1::BusEvent::kStageChanged:
      payload_.emplace(StageEvent{ToStage(event.stage_changed().stage()),
                                  ToStage(event.stage_changed().previous())});
      return true;
    default:
      return false;
  }
}

/// What the agent finds, and how it is.
bool BusEventReader::ReadOfHealth(const v1::BusEvent& event) {
  switch (event.detail_case()) {
    case v1::BusEvent::kProcessDiscovered: {
      const v1::ProcessDiscovered& from = event.process_discovered();
      payload_.emplace(ProcessEvent{from.pid(), from.comm(), from.library()});
      return true;
    }
    case v1::BusEvent::kLibraryFound:
      payload_.emplace(LibraryEvent{event.library_found().path(), event.library_found().error()});
      return true;
    case v1::BusEvent::kMetricRecorded: {
      const v1::MetricRecorded& from = event.metric_recorded();
      labels_.assign(from.labels().begin(), from.labels().end());
      std::sort(labels_.begin(), labels_.end());
      payload_.emplace(MetricEvent{from.name(), labels_, from.value()});
      return true;
    }
    case v1::BusEvent::kWarningIssued:
      payload_.emplace(WarningEvent{event.warning_issued().text()});
      return true;
    case v1::BusEvent::kRateLimitTriggered: {
      const v1::RateLimitTriggered& from = event.rate_limit_triggered();
      payload_.emplace(RateLimitEvent{from.limit_per_second(), from.dropped(),
                                      static_cast<std::uint64_t>(event.time_unix_ns())});
      return true;
    }
    case v1::BusEvent::kRetryScheduled: {
      const v1::RetryScheduled& from = event.retry_scheduled();
      payload_.emplace(RetryEvent{from.what(), from.reason(), from.delay_ms()});
      return true;
    }
    case v1::BusEvent::kHeartbeat: {
      const v1::Heartbeat& from = event.heartbeat();
      payload_.emplace(
          HeartbeatEvent{from.beat(), from.uptime_ns(), from.interval_ms(), ToStage(from.stage())});
      return true;
    }
    default:
      return false;
  }
}

}  // namespace tlscope
