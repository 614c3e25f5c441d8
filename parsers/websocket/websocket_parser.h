// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "parsers/connection/parser_context.h"
#include "parsers/connection/websocket_extensions.h"
#include "parsers/content/message_builder.h"
#include "parsers/core/stream_parser.h"
#include "parsers/websocket/frame.h"
#include "parsers/websocket/message_inflater.h"

namespace tlscope::websocket {

/// The messages of one direction of a WebSocket (RFC 6455) after its handshake. One Message per
/// text or binary message, its fragments joined, and one per control frame, in the order in which
/// they end; Message::frame says which. A close frame's code is in Message::close_code and its
/// reason the body. permessage-deflate (RFC 7692) is removed unless ParserLimits::decode_content is
/// false; whose window is meant shows in the frames, as clients mask theirs and servers do not
/// (5.1).
///
/// Reserved bits that no known extension gives a meaning: the payload is kept as sent, and
/// decode_error says so.
/// Bytes lost inside a payload become a gap, and the frames behind it are read. There is no finding
/// frames again after a header was lost: Gap returns kInvalid, and the lost bytes are the next
/// parser's. So does Feed where no frame can begin, or frames are out of order.
/// Flush does nothing. Never an upgrade.
class WebSocketParser final : public StreamParser {
 public:
  /// What it reads within, and what the handshake agreed to. All must outlive the parser.
  struct Terms {
    const ParserLimits& limits;
    ByteBudget& budget;
    const Extensions& extensions;
  };

  /// `handler` must outlive the parser.
  WebSocketParser(const Terms& terms, MessageHandler& handler);
  /// After a handshake in HTTP/1.1, whose extensions are in the context's ExchangeQueue.
  WebSocketParser(ParserContext& context, MessageHandler& handler);
  ~WebSocketParser() override;
  WebSocketParser(const WebSocketParser&) = delete;
  WebSocketParser& operator=(const WebSocketParser&) = delete;

  ParseStatus Feed(std::string_view bytes, std::uint64_t ktime_ns) override;
  ParseStatus Gap(std::uint64_t bytes, std::uint64_t ktime_ns) override;
  void Finish(StreamEnd end) override;
  std::string TakeRest() override;
  void Reset() override;
  ParserType type() const override { return ParserType::kWebSocket; }
  std::size_t held_bytes() const override;

 private:
  enum class State : std::uint8_t {
    kHeader,   ///< at a frame's first byte or inside its header
    kPayload,  ///< remaining_ bytes of payload are to come
    kDead,     ///< kInvalid was returned
  };

  std::size_t ReadHeaderBytes(std::string_view bytes);
  bool InOrder() const;
  void BeginFrame();
  void BeginMessage();
  void BeginDecoding();
  std::size_t ReadPayload(std::string_view bytes);
  void TakePayload(std::string_view payload);
  void TakeControl(std::string_view payload);
  void LosePayload(std::uint64_t bytes);
  void EndFrame();
  void EmitData();
  void EmitControl();
  void EmitUnfinished();
  ParseStatus Die();
  MessageBuilder& current() { return frame_.control() ? *control_ : data_; }

  const Terms terms_;
  MessageHandler& handler_;
  State state_ = State::kHeader;
  bool in_message_ = false;  ///< between a message's first frame and its last
  bool inflating_ = false;   ///< the message is compressed and will be decoded
  bool known_side_ = false;  ///< a frame has come, so that masked_ says whose they are
  bool masked_ = false;
  std::uint8_t header_size_ = 0;
  std::uint8_t code_bytes_ = 0;  ///< of a close code, seen so far
  std::array<char, kMaxHeaderBytes> header_{};
  FrameHeader frame_;
  std::uint64_t remaining_ = 0;
  std::uint64_t now_ns_ = 0;
  std::uint64_t header_ktime_ns_ = 0;  ///< of the frame's first byte
  MessageBuilder data_;
  std::unique_ptr<MessageBuilder> control_;    ///< while a control frame is read
  std::unique_ptr<MessageInflater> inflater_;  ///< from the first compressed message on
  std::string rest_;                           ///< for TakeRest
};

std::unique_ptr<StreamParser> MakeWebSocketParser(ParserContext& context, MessageHandler& handler);

}  // namespace tlscope::websocket
