// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "processor/base/keyed_hash.h"
#include "processor/events/bus_events.h"
#include "processor/events/kernel_records.h"
#include "processor/text/printable.h"

namespace tlscope {

/// The connection of an event of an SSL object, as far as that event tells.
template <class Event>
ConnectionInfo ConnectionOf(const Event& event) {
  return {.pid = event.origin.pid,
          .tid = event.origin.tid,
          .comm = FieldValue(event.origin.comm()),
          .fd = event.fd,
          .tuple = event.tuple,
          .socket = event.socket,
          .provenance = event.provenance,
          .handshake = {},
          .correlation = {}};
}

/// The root of a connection's events, begun in `stage`. Its id is the number that ends the
/// connection's UUID where the socket is known.
template <class Event>
Correlation RootOf(const Event& event, const HashKey& socket_key, Stage stage) {
  std::uint64_t id = KeyedHash(socket_key, event.socket.address, event.socket.generation);
  if constexpr (requires { event.ssl; }) {
    if (!event.socket.known()) {
      id = KeyedHash(socket_key, event.ssl.address,
                     event.ssl.generation ^ std::uint64_t{event.ssl.pid} << 32);
    }
  }
  return Correlation::Root(id, stage);
}

/// The names of a connection's two directions in outputs:
/// `{Pid}_{Tid}_{Comm}_{Fd}_{DataType}` while the socket is unknown, else
/// `sock:{Pid}_{Tid}_{Comm}_{Fd}_{DataType}_{local}-{remote}_{Sock}`, where Sock is 16 hexadecimal
/// digits made from the socket's identity and a secret, so that no kernel address is told.
class ConnectionUuid {
 public:
  ConnectionUuid(const ConnectionInfo& connection, const HashKey& socket_key);

  /// Valid until the next call.
  std::string_view Of(DataType direction) {
    text_[direction_at_] = direction == DataType::kRead ? '0' : '1';
    return text_;
  }

 private:
  // One text serves both directions, which differ in one digit: idle connections stay small.
  std::string text_;
  std::size_t direction_at_ = 0;
};

}  // namespace tlscope
