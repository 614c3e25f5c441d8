// SPDX-License-Identifier: Apache-2.0
//
// Detection never takes a decision back, and decides within a bounded number of bytes.
#include <cstdint>
#include <string_view>

#include "parsers/http2/detect.h"
#include "parsers/http2/frame.h"
#include "parsers/parser_registry.h"
#include "tests/fuzz/check.h"

namespace {

using tlscope::Check;

// HTTP/2 wants frames until kEnoughBits bits are given, and each gives eight at least.
constexpr std::size_t kEnoughBytes =
    tlscope::http2::kEnoughBits / 8 *
    (tlscope::http2::kFrameHeaderBytes + tlscope::http2::kDefaultMaxFrameBytes);

// Beyond a start line and a frame's header one place is like another.
std::size_t Next(std::size_t seen) { return seen < 512 ? seen + 1 : seen + 61; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tlscope::Detection;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const tlscope::ProtocolSpec& protocol : tlscope::Protocols()) {
    Detection last = Detection::kNeedMore;
    for (std::size_t seen = 0; seen <= size; seen = Next(seen)) {
      const Detection now = protocol.detect(bytes.substr(0, seen));
      Check(last == Detection::kNeedMore || now == last, "a decision stays");
      Check(now != Detection::kNeedMore || seen < kEnoughBytes, "a decision comes");
      last = now;
    }
  }
  for (const std::string_view alpn : {"", "h2", "http/1.1", "other"}) {
    for (const bool at_start : {false, true}) {
      const auto found = tlscope::Detect(bytes, {alpn, at_start});
      Check(found.protocol != nullptr, "something always matches");
      Check(alpn != "h2" || !found.protocol->alpn.starts_with("http/"),
            "nothing else was agreed to");
      Check(alpn != "http/1.1" || found.protocol->alpn != "h2", "nothing else was agreed to");
    }
  }
  return 0;
}
