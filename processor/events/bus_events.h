// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "parsers/core/message.h"
#include "processor/events/correlation.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// What kind of event it is. The numbers are public: EventKind of proto/tlscope/v1/events.proto.
enum class EventKind : std::uint8_t {
  kCaptureStarted = 1,
  kCaptureCompleted = 2,
  kCaptureCancelled = 3,
  kCapturePaused = 4,
  kCaptureResumed = 5,
  kConfigChanged = 6,
  kCommandReceived = 7,
  kProcessDiscovered = 10,
  kLibraryFound = 11,
  kConnectionOpened = 12,
  kConnectionClosed = 13,
  kProtocolDetected = 20,
  kTlsVersionDetected = 21,
  kServerNameFound = 22,
  kMessageDecoded = 23,
  kExchangeCompleted = 24,
  kFrameDecoded = 25,
  kPlaintextSeen = 26,
  kProgressUpdate = 30,
  kStageChanged = 31,
  kMetricRecorded = 40,
  kWarningIssued = 41,
  kRateLimitTriggered = 42,
  kRetryScheduled = 43,
  kEventsLost = 44,
  kHeartbeat = 45,
};

/// What is known of a connection's handshake. What is not is 0 or empty.
struct HandshakeFacts {
  std::uint16_t version = 0;  ///< as on the wire: 0x0304 is TLS 1.3
  std::string server_name;    ///< that the client asked for: printable ASCII
  std::string protocol;       ///< that both agreed to (ALPN): any bytes

  /// What `newer` knows is so.
  void Add(const HandshakeFacts& newer) {
    if (newer.version != 0) version = newer.version;
    if (!newer.server_name.empty()) server_name = newer.server_name;
    if (!newer.protocol.empty()) protocol = newer.protocol;
  }
};

/// The connection a message belongs to, as its worker knows it.
struct ConnectionInfo {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;  ///< of the first event
  std::string comm = {};  ///< of the first event
  std::int32_t fd = -1;
  Tuple tuple = {};
  SocketId socket = {};
  Provenance provenance = Provenance::kUnknown;
  HandshakeFacts handshake = {};
  Correlation correlation = {};  ///< a root
};

/// A message left its parser. Everything is borrowed for the time of the call, here and below.
struct MessageEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  const Message& message;

  static constexpr EventKind event_kind() { return EventKind::kMessageDecoded; }
};

/// A request and its final response. A half that was never seen has its fields empty or 0.
struct ExchangeEvent {
  const ConnectionInfo& connection;
  std::string_view uuid = {};  ///< of what the traced process writes
  std::string_view method;
  std::string_view target;
  std::string_view host;  ///< as the request names it, port included
  std::uint16_t status;
  std::uint64_t request_bytes;        ///< content bytes of the request's body
  std::uint64_t response_bytes;       ///< content bytes of the response's body
  std::uint64_t request_ktime_ns;     ///< first byte of the request
  std::uint64_t first_byte_ktime_ns;  ///< first byte of the response
  std::uint64_t last_byte_ktime_ns;   ///< last byte of the response
  std::uint64_t exchange = 0;         ///< Message::exchange of both; 0: unpaired

  static constexpr EventKind event_kind() { return EventKind::kExchangeCompleted; }
};

/// An HTTP/2 frame was read.
struct FrameEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  const FrameRecord& frame;

  static constexpr EventKind event_kind() { return EventKind::kFrameDecoded; }
};

/// A piece of plaintext passed, in order: what parsers read, before they read it.
struct PlaintextEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  std::uint64_t stream_offset;  ///< bytes in this direction before this piece, lost ones included
  std::string_view data;        ///< never empty
  std::uint64_t ktime_ns;

  static constexpr EventKind event_kind() { return EventKind::kPlaintextSeen; }
};

/// A part of a handshake was seen.
struct HandshakeEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  SSLHandshakeEvent::Kind kind;
  const HandshakeFacts& told;                   ///< by this part
  const std::vector<std::string_view>& offers;  ///< of a ClientHello (ALPN): any bytes
  std::uint64_t ktime_ns;

  EventKind event_kind() const {
    switch (kind) {
      case SSLHandshakeEvent::Kind::kClientHello:
        return EventKind::kServerNameFound;
      case SSLHandshakeEvent::Kind::kServerHello:
        return EventKind::kTlsVersionDetected;
      case SSLHandshakeEvent::Kind::kProtocol:
        break;
    }
    return EventKind::kProtocolDetected;
  }
};

/// The bytes of one direction say which protocol it speaks.
struct ProtocolEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  std::string_view protocol;  ///< ProtocolSpec::name
  std::uint64_t ktime_ns = 0;

  static constexpr EventKind event_kind() { return EventKind::kProtocolDetected; }
};

/// A socket that carries TLS was first seen or is gone.
struct ConnectionEvent {
  const ConnectionInfo& connection;
  std::string_view uuid;
  const ConnDataEvent& event;

  EventKind event_kind() const {
    return event.state == ConnDataEvent::State::kOpened ? EventKind::kConnectionOpened
                                                        : EventKind::kConnectionClosed;
  }
};

/// Plaintext bytes of one direction never reached the parser.
struct LossEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  std::uint64_t bytes;     ///< 0: not known
  std::uint64_t ktime_ns;  ///< CLOCK_MONOTONIC of the event that showed the loss

  static constexpr EventKind event_kind() { return EventKind::kEventsLost; }
};

/// A process maps a library that is attached to.
struct ProcessEvent {
  std::uint32_t pid;
  std::string_view comm;
  std::string_view library;

  static constexpr EventKind event_kind() { return EventKind::kProcessDiscovered; }
};

/// A library was attached to, could not be, or was left: unmapped, or for the reason in `error`.
struct LibraryEvent {
  std::string_view path;
  std::string_view error;  ///< empty when there is none

  static constexpr EventKind event_kind() { return EventKind::kLibraryFound; }
};

struct CaptureStartedEvent {
  std::string_view version;
  std::string_view host;
  std::string_view instance;
  std::uint32_t pid;
  std::string_view kernel;
  std::span<const std::string> arguments;

  static constexpr EventKind event_kind() { return EventKind::kCaptureStarted; }
};

struct CaptureCompletedEvent {
  std::uint64_t messages;
  std::uint64_t bytes;  ///< of plaintext
  std::uint64_t lost_bytes;
  std::string_view reason;  ///< "signal", "command", "output closed"

  static constexpr EventKind event_kind() { return EventKind::kCaptureCompleted; }
};

struct CaptureCancelledEvent {
  std::string_view reason;

  static constexpr EventKind event_kind() { return EventKind::kCaptureCancelled; }
};

struct CapturePausedEvent {
  static constexpr EventKind event_kind() { return EventKind::kCapturePaused; }
};

struct CaptureResumedEvent {
  std::uint64_t skipped_bytes;  ///< plaintext that went by in the meantime

  static constexpr EventKind event_kind() { return EventKind::kCaptureResumed; }
};

struct ConfigChangedEvent {
  std::string_view key;
  std::string_view old_value;
  std::string_view new_value;

  static constexpr EventKind event_kind() { return EventKind::kConfigChanged; }
};

/// A control command came from outside.
struct CommandEvent {
  std::string_view command;
  std::uint32_t uid;
  std::uint32_t pid;
  std::string_view error;  ///< empty: it was carried out

  static constexpr EventKind event_kind() { return EventKind::kCommandReceived; }
};

struct ProgressEvent {
  std::string_view task;
  std::uint64_t done;
  std::uint64_t total;  ///< 0: not known
  std::string_view unit;

  static constexpr EventKind event_kind() { return EventKind::kProgressUpdate; }
};

struct StageEvent {
  Stage stage;
  Stage previous;

  static constexpr EventKind event_kind() { return EventKind::kStageChanged; }
};

struct MetricEvent {
  std::string_view name;
  std::span<const std::pair<std::string, std::string>> labels;
  double value;

  static constexpr EventKind event_kind() { return EventKind::kMetricRecorded; }
};

struct WarningEvent {
  std::string_view text;

  static constexpr EventKind event_kind() { return EventKind::kWarningIssued; }
};

struct RateLimitEvent {
  std::uint64_t limit_per_second;
  std::uint64_t dropped;  ///< events, since the last time it was said
  std::uint64_t ktime_ns;

  static constexpr EventKind event_kind() { return EventKind::kRateLimitTriggered; }
};

struct RetryEvent {
  std::string_view what;
  std::string_view reason;
  std::uint64_t delay_ms;

  static constexpr EventKind event_kind() { return EventKind::kRetryScheduled; }
};

struct HeartbeatEvent {
  std::uint64_t beat;  ///< from 1
  std::uint64_t uptime_ns;
  std::uint64_t interval_ms;
  Stage stage;

  static constexpr EventKind event_kind() { return EventKind::kHeartbeat; }
};

using BusPayload =
    std::variant<MessageEvent, ExchangeEvent, FrameEvent, PlaintextEvent, HandshakeEvent,
                 ProtocolEvent, ConnectionEvent, LossEvent, ProcessEvent, LibraryEvent,
                 CaptureStartedEvent, CaptureCompletedEvent, CaptureCancelledEvent,
                 CapturePausedEvent, CaptureResumedEvent, ConfigChangedEvent, CommandEvent,
                 ProgressEvent, StageEvent, MetricEvent, WarningEvent, RateLimitEvent, RetryEvent,
                 HeartbeatEvent>;

}  // namespace tlscope
