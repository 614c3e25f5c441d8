// SPDX-License-Identifier: Apache-2.0
#include "processor/text/base64.h"

#include <cstddef>
#include <cstdint>

namespace tlscope {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t Octet(char byte) { return static_cast<std::uint8_t>(byte); }

char* PutGroup(std::uint32_t group, char* at) {
  for (const int shift : {18, 12, 6, 0}) *at++ = kAlphabet[group >> shift & 63];
  return at;
}

}  // namespace

void AppendBase64(std::string_view bytes, std::string& out) {
  const std::size_t begin = out.size();
  out.resize(begin + (bytes.size() + 2) / 3 * 4);
  char* at = out.data() + begin;
  for (; bytes.size() >= 3; bytes.remove_prefix(3)) {
    at = PutGroup(Octet(bytes[0]) << 16 | Octet(bytes[1]) << 8 | Octet(bytes[2]), at);
  }
  if (bytes.empty()) return;
  PutGroup(Octet(bytes[0]) << 16 | (bytes.size() == 2 ? Octet(bytes[1]) << 8 : 0), at);
  at[3] = '=';
  if (bytes.size() == 1) at[2] = '=';
}

}  // namespace tlscope
