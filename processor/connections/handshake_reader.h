// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "processor/events/bus_events.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// What a part of a handshake tells. `offers` points into the event's bytes.
struct HandshakePart {
  HandshakeFacts told;
  std::vector<std::string_view> offers;  ///< of a ClientHello (ALPN), in its order: any bytes
};

/// Reads what `event` carries. What cannot be read tells nothing.
HandshakePart ReadHandshake(const SSLHandshakeEvent& event);

}  // namespace tlscope
