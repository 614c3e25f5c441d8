// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/bodies/tunnel_body.h"

#include <algorithm>

namespace tlscope::http2 {

void TunnelBody::OnData(std::string_view bytes, std::uint64_t now_ns) {
  while (!bytes.empty()) {
    const std::size_t held = message().body.size() + message().cut_bytes;
    if (held == 0) message().first_ktime_ns = now_ns;
    const std::string_view piece = bytes.substr(0, kPartBytes - std::min(held, kPartBytes));
    builder().Append(piece, 0);
    bytes.remove_prefix(piece.size());
    if (held + piece.size() >= kPartBytes) EmitPart(now_ns);
  }
}

void TunnelBody::OnFrameEnd(std::uint64_t now_ns) {
  if (!message().body.empty()) EmitPart(now_ns);
}

}  // namespace tlscope::http2
