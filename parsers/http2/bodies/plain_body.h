// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "parsers/http2/bodies/stream_body.h"

namespace tlscope::http2 {

/// The content of a request or response (RFC 9110 6.4). It leaves with the message, or by the
/// message's PartRule while it comes.
class PlainBody final : public StreamBody {
 public:
  /// `content_length`: what the head says of it; 0: nothing.
  PlainBody(MessageBuilder& message, MessageHandler& handler, std::uint64_t content_length)
      : StreamBody(message, handler), content_length_(content_length) {}

  void OnData(std::string_view bytes, std::uint64_t /*now_ns*/) override {
    builder().Append(bytes, content_length_);
  }
  void OnDataLost(std::uint64_t bytes, std::uint64_t /*now_ns*/) override {
    builder().AddGap(bytes);
  }
  void OnLoss(std::uint64_t /*now_ns*/) override { builder().AddGap(0); }

 private:
  std::uint64_t content_length_;
};

}  // namespace tlscope::http2
