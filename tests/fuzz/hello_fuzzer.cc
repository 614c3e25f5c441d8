// SPDX-License-Identifier: Apache-2.0
//
// A hello, whole and cut at every place: what a cut one tells the whole one tells, too.
#include <cstdint>
#include <string_view>

#include "parsers/tls/hello.h"
#include "tests/fuzz/check.h"

namespace {

using tlscope::Check;

bool IsWithin(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void CheckViews(const tlscope::tls::Hello& hello, std::string_view bytes) {
  Check(IsWithin(hello.server_name, bytes), "the name is of the bytes");
  for (const std::string_view protocol : hello.protocols)
    Check(!protocol.empty() && IsWithin(protocol, bytes), "a protocol is of the bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = tlscope::tls::ReadHello(bytes);
  if (!whole) return 0;
  CheckViews(*whole, bytes);
  // The last of several that contradict each other counts, so only the first can be compared.
  for (std::size_t cut = 0; cut < size && cut < 1024; ++cut) {
    const auto part = tlscope::tls::ReadHello(bytes.substr(0, cut));
    if (!part) continue;
    CheckViews(*part, bytes.substr(0, cut));
    Check(part->from_client == whole->from_client, "the type is the same");
    Check(part->protocols.size() <= whole->protocols.size(), "a cut one tells no more");
    for (std::size_t i = 0; i < part->protocols.size(); ++i)
      Check(part->protocols[i] == whole->protocols[i], "the protocols are the same");
  }
  return 0;
}
