// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/handshake_reader.h"

#include <utility>

#include "parsers/tls/hello.h"

namespace tlscope {

HandshakePart ReadHandshake(const SSLHandshakeEvent& event) {
  HandshakePart part;
  if (event.kind == SSLHandshakeEvent::Kind::kProtocol) {
    part.told.protocol = event.data;
    return part;
  }
  auto hello = tls::ReadHello(event.data);
  if (!hello) return part;
  part.told.version = hello->version;
  part.told.server_name = hello->server_name;
  if (hello->from_client) {
    part.offers = std::move(hello->protocols);
  } else if (!hello->protocols.empty()) {
    part.told.protocol = hello->protocols.front();
  }
  return part;
}

}  // namespace tlscope
