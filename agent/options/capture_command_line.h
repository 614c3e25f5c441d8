// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/options/capture_options.h"
#include "processor/base/result.h"

namespace CLI {
class App;
}

namespace tlscope {

/// Adds the command `capture`. What it is given goes into `options`, which is borrowed and outlives
/// `app`'s parsing.
CLI::App* AddCapture(CLI::App& app, CaptureOptions& options);

/// Adds what is captured, and how: filters and probes. The same for every command that captures.
void AddWhatIsCaptured(CLI::App& command, CaptureOptions& options);

/// Adds `--quiet` and `--verbose`.
void AddVerbosity(CLI::App& command, CaptureOptions& options);

/// Once the command line has been parsed: adds what the configuration file says, as far as the
/// command line has said nothing, and checks the whole. kUsage: it makes no sense, or the file
/// cannot be read. Then `options` are half done.
Result<void> CompleteCapture(CLI::App& capture, CaptureOptions& options);

/// All of this from the beginning, for the words of a command line whose second is "capture". Reads
/// the configuration file anew.
Result<CaptureOptions> ParseCaptureOptions(const std::vector<std::string>& arguments);

}  // namespace tlscope
