// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/connection_uuid.h"

#include "processor/events/endpoint_text.h"
#include "processor/text/decimal.h"

namespace tlscope {
ConnectionUuid::ConnectionUuid(const ConnectionInfo& connection, const HashKey& socket_key) {
  const SocketId& socket = connection.socket;
  text_.reserve(128);
  if (socket.known()) text_ += "sock:";
  text_ += std::to_string(connection.pid);
  text_.push_back('_');
  text_ += std::to_string(connection.tid);
  text_.push_back('_');
  text_ += connection.comm;
  text_.push_back('_');
  text_ += std::to_string(connection.fd);
  text_.push_back('_');
  direction_at_ = text_.size();
  text_.push_back('0');
  if (socket.known()) {
    text_.push_back('_');
    AppendTuple(connection.tuple, text_);
    text_.push_back('_');
    AppendHexId(KeyedHash(socket_key, socket.address, socket.generation), text_);
  }
  text_.shrink_to_fit();
}

}  // namespace tlscope
