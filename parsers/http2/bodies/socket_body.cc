// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/bodies/socket_body.h"

#include <string>

namespace tlscope::http2 {

void SocketBody::OnAccept(const websocket::Extensions& extensions) {
  if (!builder().empty()) return;
  socket_ = WebSocketTunnel::Open({message().stream_id, bounds_.limits, bounds_.budget, handler()},
                                  extensions);
}

void SocketBody::OnData(std::string_view bytes, std::uint64_t now_ns) {
  if (!socket_) {
    tunnel_.OnData(bytes, now_ns);
    return;
  }
  socket_bytes_ += bytes.size();
  if (!socket_->Feed(bytes, now_ns)) LeaveSocket(now_ns);
}

void SocketBody::OnFrameEnd(std::uint64_t now_ns) {
  if (!socket_) tunnel_.OnFrameEnd(now_ns);
}

void SocketBody::OnDataLost(std::uint64_t bytes, std::uint64_t now_ns) {
  if (socket_ && socket_->Gap(bytes, now_ns)) {
    socket_bytes_ += bytes;
    socket_complete_ = false;
    return;
  }
  if (socket_) LeaveSocket(now_ns);
  tunnel_.OnDataLost(bytes, now_ns);
}

void SocketBody::OnLoss(std::uint64_t now_ns) {
  OnEnd(now_ns);
  tunnel_.OnLoss(now_ns);
}

void SocketBody::OnEnd(std::uint64_t /*now_ns*/) {
  if (!socket_) return;
  socket_->Finish();
  CloseSocket(0);
}

// What the socket has taken but could not read is the tunnel's.
void SocketBody::LeaveSocket(std::uint64_t now_ns) {
  const std::string rest = socket_->TakeRest();
  CloseSocket(rest.size());
  tunnel_.OnData(rest, now_ns);
}

void SocketBody::CloseSocket(std::uint64_t unread_bytes) {
  socket_.reset();
  builder().CountApart(socket_bytes_ - unread_bytes, socket_complete_);
}

}  // namespace tlscope::http2
