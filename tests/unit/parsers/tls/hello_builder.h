// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tlscope::testing {

/// `bytes` behind their length, which takes `length_bytes` (RFC 8446 3.4).
inline std::string Vector(std::size_t length_bytes, std::string_view bytes) {
  std::string vector;
  for (std::size_t i = length_bytes; i-- > 0;)
    vector.push_back(static_cast<char>(bytes.size() >> (8 * i)));
  return vector.append(bytes);
}

inline std::string Number16(std::uint16_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

inline std::string Extension(std::uint16_t type, std::string_view bytes) {
  return Number16(type) + Vector(2, bytes);
}

inline std::string ServerNameExtension(std::string_view name) {
  return Extension(0, Vector(2, std::string(1, '\0') + Vector(2, name)));
}

inline std::string ProtocolsExtension(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += Vector(1, name);
  return Extension(16, Vector(2, list));
}

/// The version that a server chose, as TLS 1.3 says it.
inline std::string VersionExtension(std::uint16_t version) {
  return Extension(43, Number16(version));
}

/// RFC 8446 4.1.2. `version` is the field that TLS 1.3 leaves at 0x0303.
inline std::string ClientHello(std::string_view extensions, std::uint16_t version = 0x0303) {
  std::string body = Number16(version) + std::string(32, 'r') + Vector(1, std::string(32, 's'));
  body += Vector(2, std::string("\x13\x01\xc0\x2f", 4)) + Vector(1, std::string(1, '\0'));
  return '\x01' + Vector(3, body.append(Vector(2, extensions)));
}

/// RFC 8446 4.1.3
inline std::string ServerHello(std::string_view extensions, std::uint16_t version = 0x0303) {
  std::string body = Number16(version) + std::string(32, 'R') + Vector(1, std::string(32, 's'));
  body += std::string("\x13\x01\0", 3);
  if (!extensions.empty()) body += Vector(2, extensions);
  return '\x02' + Vector(3, body);
}

}  // namespace tlscope::testing
