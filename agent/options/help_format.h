// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tlscope {

/// "--pid PID", "-o,--output [FORMAT:]TARGET", "FILE".
std::string OptionUsage(const CLI::Option& option);

/// What the option does, with its default where it has one: "Keep ... (default: 16MiB)".
std::string OptionHelp(const CLI::Option& option);

/// Has `app`, and each command that is added to it from then on, print its help with these, in
/// lines that fit a terminal.
void UseHelpFormat(CLI::App& app);

}  // namespace tlscope
