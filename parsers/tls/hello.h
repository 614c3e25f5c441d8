// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tlscope::tls {

/// What the first message of one end of a TLS connection tells. Views point into its bytes.
struct Hello {
  bool from_client = false;
  /// The version that a server chose, as on the wire (0x0304 is TLS 1.3); 0 of a client.
  std::uint16_t version = 0;
  /// The name that a client asked for (RFC 6066 3): printable ASCII, or empty.
  std::string_view server_name;
  /// A client's offers, in its order; of a server the one it chose, if it tells in clear (not in
  /// TLS 1.3). RFC 7301. Any bytes.
  std::vector<std::string_view> protocols;
};

/// Reads a ClientHello or ServerHello (RFC 8446 4.1.2, 4.1.3, RFC 5246 7.4.1), which may be cut
/// anywhere: what is whole before the cut is told. Nothing when the bytes are not the beginning of
/// one.
std::optional<Hello> ReadHello(std::string_view bytes);

}  // namespace tlscope::tls
