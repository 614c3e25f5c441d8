// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "processor/bus/event_bus.h"

namespace tlscope {

/// Warns whoever reads standard error, and whoever reads the bus. Any thread.
void Warn(EventBus& bus, std::string_view text);

}  // namespace tlscope
