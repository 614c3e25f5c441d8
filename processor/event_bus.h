// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "parsers/message.h"
#include "processor/events.h"

namespace tlscope {

/// Every topic there is. Names are hierarchical, at most four levels, joined by dots.
enum class Topic : std::uint8_t {
  kTlsData,          ///< events.tls.data: bytes of no known protocol
  kTlsHandshake,     ///< events.tls.handshake
  kConnOpened,       ///< events.conn.opened
  kConnClosed,       ///< events.conn.closed
  kHttpRequest,      ///< events.http.request
  kHttpResponse,     ///< events.http.response
  kHttpExchange,     ///< events.http.exchange
  kHttpFrame,        ///< events.http.frame: one frame of HTTP/2
  kLibraryAttached,  ///< events.library.attached
  kLibraryFailed,    ///< events.library.failed
  kLibraryDetached,  ///< events.library.detached
  kEventsLost,       ///< control.health.lost
};
inline constexpr std::size_t kTopics = 12;

/// The dotted name of a topic.
std::string_view TopicName(Topic topic);

/// Whether `pattern` (levels joined by dots; `+` stands for one level, `#` last for any number,
/// none included) matches `name`. A malformed pattern matches nothing; see ValidTopicPattern.
bool TopicMatches(std::string_view pattern, std::string_view name);

/// Levels are not empty, `+` and `#` stand alone in theirs, `#` only last, at most four levels.
bool ValidTopicPattern(std::string_view pattern);

/// What is known of a connection's handshake. What is not is 0 or empty.
struct HandshakeFacts {
  std::uint16_t version = 0;  ///< as on the wire: 0x0304 is TLS 1.3
  std::string server_name;    ///< that the client asked for: printable ASCII
  std::string protocol;       ///< that both agreed to (ALPN): any bytes

  /// What `newer` knows is so.
  void Add(const HandshakeFacts& newer);
};

/// The connection a message belongs to, as its worker knows it.
struct ConnectionInfo {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;  ///< of the first event
  std::string comm;       ///< of the first event
  std::int32_t fd = -1;
  Tuple tuple;
  SocketId socket;
  Provenance provenance = Provenance::kUnknown;
  HandshakeFacts handshake;
};

/// A message left its parser. Everything is borrowed for the time of the call.
struct MessageEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  const Message& message;
};

/// A request and its final response. A half that was never seen has its fields empty or 0.
struct ExchangeEvent {
  const ConnectionInfo& connection;
  std::string_view method;
  std::string_view target;
  std::string_view host;  ///< as the request names it, port included
  std::uint16_t status;
  std::uint64_t request_bytes;        ///< content bytes of the request's body
  std::uint64_t response_bytes;       ///< content bytes of the response's body
  std::uint64_t request_ktime_ns;     ///< first byte of the request
  std::uint64_t first_byte_ktime_ns;  ///< first byte of the response
  std::uint64_t last_byte_ktime_ns;   ///< last byte of the response
};

/// An HTTP/2 frame was read.
struct FrameEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  const FrameRecord& frame;
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
};

/// A socket that carries TLS was first seen or is gone.
struct ConnectionEvent {
  const ConnDataEvent& event;
};

/// A library was attached to, could not be, or was left because nobody maps it any longer.
struct LibraryEvent {
  std::string_view path;
  std::string_view error;  ///< empty when there is none
};

/// Plaintext bytes of one direction never reached the parser.
struct LossEvent {
  const ConnectionInfo& connection;
  DataType direction;
  std::string_view uuid;
  std::uint64_t bytes;
  std::uint64_t ktime_ns;  ///< CLOCK_MONOTONIC of the event that showed the loss
};

using BusPayload = std::variant<MessageEvent, ExchangeEvent, FrameEvent, HandshakeEvent,
                                ConnectionEvent, LibraryEvent, LossEvent>;

/// Receives what is published on the topics it subscribed to, on the publisher's thread, and must
/// not block: what takes time is queued by the subscriber.
class BusSubscriber {
 public:
  virtual ~BusSubscriber() = default;
  virtual void OnBusEvent(Topic topic, const BusPayload& payload) noexcept = 0;
};

/// The only way out of the processor. Subscriptions are made before publishing starts; publishing
/// walks the list of the topic's subscribers and allocates nothing.
class EventBus {
 public:
  /// `subscriber` is borrowed and must outlive the bus's last Publish. False when the pattern is
  /// malformed.
  [[nodiscard]] bool Subscribe(std::string_view pattern, BusSubscriber& subscriber);

  /// In the order of subscription, on the caller's thread.
  void Publish(Topic topic, const BusPayload& payload) const;

  /// Whether anybody listens: lets a publisher skip making what nobody wants.
  bool HasSubscribers(Topic topic) const;

 private:
  std::vector<BusSubscriber*> subscribers_[kTopics];
};

}  // namespace tlscope
