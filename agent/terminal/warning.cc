// SPDX-License-Identifier: Apache-2.0
#include "agent/terminal/warning.h"

#include <spdlog/spdlog.h>

namespace tlscope {

void Warn(EventBus& bus, std::string_view text) {
  spdlog::warn("warning: {}", text);
  bus.Publish(Topic::kHealthDiagnostics, WarningEvent{text});
}

}  // namespace tlscope
