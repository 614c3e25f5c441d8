// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "parsers/connection/websocket_extensions.h"
#include "parsers/core/byte_budget.h"
#include "parsers/core/message.h"
#include "parsers/core/stream_parser.h"
#include "parsers/websocket/websocket_parser.h"

namespace tlscope::http2 {

/// One direction of a WebSocket that a stream carries (RFC 8441). Its messages are the stream's.
class WebSocketTunnel final : private MessageHandler {
 public:
  /// What it belongs to; all must outlive it.
  struct Place {
    std::uint32_t stream_id;
    const ParserLimits& limits;
    ByteBudget& budget;
    MessageHandler& handler;
  };

  /// Null when the budget refuses.
  static std::unique_ptr<WebSocketTunnel> Open(const Place& place,
                                               const websocket::Extensions& extensions) {
    if (!place.budget.Take(sizeof(WebSocketTunnel))) return nullptr;
    return std::unique_ptr<WebSocketTunnel>(new WebSocketTunnel(place, extensions));
  }
  ~WebSocketTunnel() override { place_.budget.Give(sizeof *this); }
  WebSocketTunnel(const WebSocketTunnel&) = delete;
  WebSocketTunnel& operator=(const WebSocketTunnel&) = delete;

  /// False: it is no WebSocket from TakeRest() on.
  bool Feed(std::string_view bytes, std::uint64_t ktime_ns) {
    return parser_.Feed(bytes, ktime_ns) == ParseStatus::kNeedMore;
  }
  /// The same after `bytes` lost ones, which TakeRest() is in front of.
  bool Gap(std::uint64_t bytes, std::uint64_t ktime_ns) {
    return parser_.Gap(bytes, ktime_ns) == ParseStatus::kNeedMore;
  }
  std::string TakeRest() { return parser_.TakeRest(); }
  /// No more comes: emits what is not whole.
  void Finish() { parser_.Finish(StreamEnd::kClosed); }

  std::uint64_t held_bytes() const { return sizeof *this + parser_.held_bytes(); }

 private:
  WebSocketTunnel(const Place& place, const websocket::Extensions& extensions)
      : place_(place),
        extensions_(extensions),
        parser_({place.limits, place.budget, extensions_}, *this) {}

  void OnMessage(Message&& message) override {
    message.stream_id = place_.stream_id;
    place_.handler.OnMessage(std::move(message));
  }

  const Place place_;
  const websocket::Extensions extensions_;
  websocket::WebSocketParser parser_;  // after what it borrows
};

}  // namespace tlscope::http2
