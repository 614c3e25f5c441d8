// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tlscope {

/// How much the agent says of itself on standard error.
enum class LogLevel : std::uint8_t { kWarn, kInfo, kDebug };

/// Makes the default logger one that writes lines to standard error at once. Call once.
void OpenLog(LogLevel level);

/// Any thread.
void SetLogLevel(LogLevel level);

}  // namespace tlscope
