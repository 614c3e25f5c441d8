// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parsers/http2/bodies/stream_body.h"

namespace tlscope::http2 {

/// What goes through a CONNECT tunnel (RFC 9113 8.5): bytes without an end that matter as they
/// come. They leave as parts, at the end of each DATA frame and after kPartBytes; the first part is
/// the head, which leaves when the tunnel is made.
class TunnelBody final : public StreamBody {
 public:
  static constexpr std::size_t kPartBytes = 64U << 10;

  TunnelBody(MessageBuilder& message, MessageHandler& handler, std::uint64_t now_ns)
      : StreamBody(message, handler) {
    EmitPart(now_ns);
  }

  void OnData(std::string_view bytes, std::uint64_t now_ns) override;
  void OnFrameEnd(std::uint64_t now_ns) override;
  void OnDataLost(std::uint64_t bytes, std::uint64_t /*now_ns*/) override {
    builder().AddGap(bytes);
  }
  void OnLoss(std::uint64_t /*now_ns*/) override { builder().AddGap(0); }
};

}  // namespace tlscope::http2
