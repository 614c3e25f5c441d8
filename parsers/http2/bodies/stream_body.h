// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "parsers/connection/websocket_extensions.h"
#include "parsers/content/message_builder.h"
#include "parsers/core/message.h"

namespace tlscope::http2 {

/// What the data of one direction of a stream is, and so what leaves of it and when: one class for
/// each kind. Puts the body into the stream's message, of which the head is there already, and
/// hands over what leaves before the stream ends; the message itself is its owner's to emit.
///
/// Legal order: OnAccept at most once; any of OnData, OnFrameEnd, OnDataLost and OnLoss, any number
/// of times; OnTrailers at most once; OnEnd once, last. `now_ns` is when the bytes were seen that
/// the call is about.
class StreamBody {
 public:
  /// Both must outlive the body.
  StreamBody(MessageBuilder& message, MessageHandler& handler)
      : message_(message), handler_(handler) {}
  virtual ~StreamBody() = default;
  StreamBody(const StreamBody&) = delete;
  StreamBody& operator=(const StreamBody&) = delete;

  /// The other side agreed to what the request had asked the stream for.
  virtual void OnAccept(const websocket::Extensions& /*extensions*/) {}

  /// The next bytes. The message's last_ktime_ns is `now_ns`.
  virtual void OnData(std::string_view bytes, std::uint64_t now_ns) = 0;

  /// The DATA frame that the bytes came in is over, and the stream goes on.
  virtual void OnFrameEnd(std::uint64_t /*now_ns*/) {}

  /// `bytes` bytes were lost here, and how many is certain.
  virtual void OnDataLost(std::uint64_t bytes, std::uint64_t now_ns) = 0;

  /// Frames may have been lost: anything may be missing here.
  virtual void OnLoss(std::uint64_t now_ns) = 0;

  /// The data is over, and trailers come. They are not yet in the message.
  virtual void OnTrailers(std::uint64_t /*now_ns*/) {}

  /// The stream is over, whole or not.
  virtual void OnEnd(std::uint64_t /*now_ns*/) {}

  /// Taken from the budget besides what the message holds.
  virtual std::uint64_t held_bytes() const { return 0; }

 protected:
  MessageBuilder& builder() { return message_; }
  Message& message() { return message_.message(); }
  MessageHandler& handler() { return handler_; }

  /// What the message holds leaves as a part.
  void EmitPart(std::uint64_t now_ns) {
    message().last_ktime_ns = now_ns;
    message_.EmitPart(handler_);
  }

 private:
  MessageBuilder& message_;
  MessageHandler& handler_;
};

}  // namespace tlscope::http2
