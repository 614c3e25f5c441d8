// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace tlscope {

/// How much the agent says of itself on standard error.
enum class LogLevel : std::uint8_t { kWarn, kInfo, kDebug };

/// Makes the default logger one that writes lines to standard error at once. Call once.
void OpenLog(LogLevel level);

/// Any thread.
void SetLogLevel(LogLevel level);

/// Shows `line` (printable ASCII) on the terminal that standard error is, below all that is logged;
/// it replaces the one shown before. `last`: it stays where it is, and the log goes on below it.
/// What does not fit into the terminal's width is left out. After OpenLog; any thread.
void ShowBelowLog(std::string_view line, bool last);

}  // namespace tlscope
