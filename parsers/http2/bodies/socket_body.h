// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "parsers/core/byte_budget.h"
#include "parsers/core/stream_parser.h"
#include "parsers/http2/bodies/stream_body.h"
#include "parsers/http2/bodies/tunnel_body.h"
#include "parsers/http2/bodies/websocket_tunnel.h"

namespace tlscope::http2 {

/// A tunnel that was asked for to carry a WebSocket (RFC 8441). Once that is accepted the
/// WebSocket's messages leave in the place of the tunnel's parts, between the first, which is the
/// head, and the last; where they cannot be read the data leaves as any tunnel's.
class SocketBody final : public StreamBody {
 public:
  /// Both must outlive the body.
  struct Bounds {
    const ParserLimits& limits;
    ByteBudget& budget;
  };

  SocketBody(MessageBuilder& message, MessageHandler& handler, Bounds bounds, std::uint64_t now_ns)
      : StreamBody(message, handler), bounds_(bounds), tunnel_(message, handler, now_ns) {}

  /// Nothing changes when data came before, or when the budget refuses: it stays a tunnel.
  void OnAccept(const websocket::Extensions& extensions) override;
  void OnData(std::string_view bytes, std::uint64_t now_ns) override;
  void OnFrameEnd(std::uint64_t now_ns) override;
  void OnDataLost(std::uint64_t bytes, std::uint64_t now_ns) override;
  void OnLoss(std::uint64_t now_ns) override;
  void OnEnd(std::uint64_t now_ns) override;
  std::uint64_t held_bytes() const override { return socket_ ? socket_->held_bytes() : 0; }

 private:
  void LeaveSocket(std::uint64_t now_ns);
  void CloseSocket(std::uint64_t unread_bytes);

  const Bounds bounds_;
  TunnelBody tunnel_;                        ///< while there is no socket_
  std::unique_ptr<WebSocketTunnel> socket_;  ///< from OnAccept on, while its frames can be read
  std::uint64_t socket_bytes_ = 0;           ///< that socket_ was given, the lost ones among them
  bool socket_complete_ = true;              ///< none of them were lost
};

}  // namespace tlscope::http2
