// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "processor/event_bus.h"

namespace tlscope {

/// How bus events are written down. Knows nothing of where they go. One thread at a time.
class Format {
 public:
  virtual ~Format() = default;

  /// Appends the event to `out`; appends nothing when this format does not show such events.
  virtual void Append(const BusPayload& payload, std::string& out) = 0;
};

}  // namespace tlscope
