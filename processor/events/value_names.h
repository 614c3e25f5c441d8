// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "parsers/core/message.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// What outputs call a kind of WebSocket message; "none" for messages that are of no WebSocket.
constexpr std::string_view FrameName(FrameKind kind) {
  switch (kind) {
    case FrameKind::kText:
      return "text";
    case FrameKind::kBinary:
      return "binary";
    case FrameKind::kClose:
      return "close";
    case FrameKind::kPing:
      return "ping";
    case FrameKind::kPong:
      return "pong";
    case FrameKind::kNone:
      break;
  }
  return "none";
}

/// What outputs call a part of a handshake.
constexpr std::string_view HandshakePartName(SSLHandshakeEvent::Kind kind) {
  switch (kind) {
    case SSLHandshakeEvent::Kind::kClientHello:
      return "client-hello";
    case SSLHandshakeEvent::Kind::kServerHello:
      return "server-hello";
    case SSLHandshakeEvent::Kind::kProtocol:
      break;
  }
  return "protocol";
}

}  // namespace tlscope
