// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/handshake_table.h"

namespace tlscope {

bool HandshakeTable::Add(const SSLHandshakeEvent& event, const HandshakeFacts& told) {
  bool evicted = false;
  Entry& entry = event.ssl.address != 0 ? by_ssl_.At(event.ssl, evicted)
                                        : by_socket_.At(event.socket, evicted);
  if (event.socket.known()) {
    // An SSL object that goes on to another connection takes nothing with it.
    if (entry.socket.known() && entry.socket != event.socket) entry.facts = {};
    entry.socket = event.socket;
  }
  entry.facts.Add(told);
  return !evicted;
}

HandshakeFacts HandshakeTable::Find(const SslId& ssl, const SocketId& socket) const {
  HandshakeFacts facts;
  if (const Entry* const entry = by_socket_.Find(socket)) facts = entry->facts;
  if (const Entry* const entry = by_ssl_.Find(ssl)) {
    const bool elsewhere = socket.known() && entry->socket.known() && socket != entry->socket;
    if (!elsewhere) facts.Add(entry->facts);
  }
  return facts;
}

}  // namespace tlscope
