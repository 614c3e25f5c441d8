// SPDX-License-Identifier: Apache-2.0
//
// Detection never takes a decision back, and decides within a bounded number of bytes.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "parsers/parser_registry.h"

namespace {

constexpr std::size_t kEnoughBytes = 8192;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tlscope::Detection;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const tlscope::ProtocolSpec& protocol : tlscope::Protocols()) {
    Detection last = Detection::kNeedMore;
    for (std::size_t seen = 0; seen <= size; ++seen) {
      const Detection now = protocol.detect(bytes.substr(0, seen));
      Check(last == Detection::kNeedMore || now == last, "a decision stays");
      Check(now != Detection::kNeedMore || seen < kEnoughBytes, "a decision comes");
      last = now;
    }
  }
  Check(tlscope::Detect(bytes).protocol != nullptr, "something always matches");
  return 0;
}
