// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tlscope {

/// Which parser read a message; the numbers are public (they are printed and go on the wire).
enum class ParserType : std::uint8_t {
  kUnknown = 0,
  kHttp1Request = 1,
  kHttp2Request = 2,
  kHttp1Response = 3,
  kHttp2Response = 4,
  kWebSocket = 5,
};

/// How a message's body was packed on the connection; the numbers are public.
enum class PacketType : std::uint8_t {
  kNull = 0,
  kGzip = 1,
  kWebSocket = 2,
};

/// What a WebSocket message is (RFC 6455 11.8).
enum class FrameKind : std::uint8_t { kNone, kText, kBinary, kClose, kPing, kPong };

/// A gap of which nobody knows the size: more than any message has left, and shown as 0.
inline constexpr std::uint64_t kUnknownGap = ~std::uint64_t{0};

/// Bytes missing from a message's body because they were lost before the parser saw them.
struct BodyGap {
  std::uint64_t position;  ///< index in Message::body before which the bytes are missing
  std::uint64_t bytes;     ///< how many; 0 when only "some" is known
  bool operator==(const BodyGap&) const = default;
};

/// One application message, as it left its parser. Owns its bytes; moved from hand to hand.
struct Message {
  ParserType parser = ParserType::kUnknown;
  PacketType packet = PacketType::kNull;
  /// False when the connection ended, or bytes were lost, before the message was whole.
  bool complete = true;
  /// True when the parser joined, or came back after a loss, between two messages.
  bool resynchronised = false;

  /// Start line and header lines exactly as sent, the blank line included. Empty for raw bytes.
  std::string head;
  /// The content with transfer framing (chunk sizes) removed.
  std::string body;
  /// Trailer lines exactly as sent, blank line excluded. Usually empty.
  std::string trailers;

  std::vector<BodyGap> gaps;
  /// Content bytes that went over the connection. Where no coding was removed (decoded_from is
  /// empty) they are body.size() + gaps + cut_bytes.
  std::uint64_t content_bytes = 0;
  /// Body bytes known but not kept because of ParserLimits or the budget.
  std::uint64_t cut_bytes = 0;

  /// The codings removed from the body, as Content-Encoding, grpc-encoding or
  /// Sec-WebSocket-Extensions names them ("gzip", "gzip, br"). Empty: the body is as it was sent.
  std::string decoded_from;
  /// Why decoding ended before the body did; what body holds is right up to there. Usually empty.
  std::string decode_error;

  /// A message that is shown while it goes on (server-sent events, gRPC) leaves its parser in
  /// parts, numbered from 1: the first has the head, each has the body bytes that have become
  /// meaningful since the one before with their gaps and cuts, and content_bytes for those; the
  /// last has `last_part` set, the trailers, and content_bytes and `complete` for the whole. 0: the
  /// message is whole.
  std::uint32_t part = 0;
  bool last_part = false;

  /// WebSocket only: what the message is; a close frame's code, 0 when it has none. The code's two
  /// bytes are not content.
  FrameKind frame = FrameKind::kNone;
  std::uint16_t close_code = 0;

  /// HTTP/2 only: the stream; 0 elsewhere.
  std::uint32_t stream_id = 0;
  /// HTTP/2 only: names of the fields that their sender asked never to index, such as secrets (RFC
  /// 7541 6.2.3), as "name, name".
  std::string never_indexed;

  /// gRPC only: the body is one message of a call, its length prefix removed.
  bool grpc = false;
  /// gRPC only: "/package.Service/Method", in both directions; empty when it is not known.
  std::string rpc;

  /// HTTP only: the parts of the start line. Empty or 0 where the other kind has them.
  std::string method;
  std::string target;
  std::uint16_t status = 0;

  /// Position among the connection's exchanges, from 1; a response has its request's. 0: unpaired.
  std::uint64_t exchange = 0;

  /// CLOCK_MONOTONIC of the calls that carried the message's first and last byte.
  std::uint64_t first_ktime_ns = 0;
  std::uint64_t last_ktime_ns = 0;

  bool operator==(const Message&) const = default;
};

/// One HTTP/2 frame as it went over the connection. Borrowed for the call.
struct FrameRecord {
  std::string_view type;  ///< "HEADERS"; a number for a type that is not known
  std::string_view flags;
  std::uint32_t stream_id;
  std::uint32_t length;     ///< of the payload
  std::string_view detail;  ///< "increment=65535"; usually empty
  std::uint64_t ktime_ns;   ///< of its first byte
};

/// Where parsers put what they have read. Called inside Feed, Gap, Flush and Finish.
class MessageHandler {
 public:
  virtual ~MessageHandler() = default;
  virtual void OnMessage(Message&& message) = 0;

  /// Whether OnFrame is to be called.
  virtual bool WantsFrames() const { return false; }
  virtual void OnFrame(const FrameRecord& /*frame*/) {}
};

}  // namespace tlscope
