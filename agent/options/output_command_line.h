// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/options/output_options.h"
#include "agent/options/output_spec.h"
#include "agent/terminal/progress.h"
#include "processor/base/result.h"

namespace CLI {
class App;
}

namespace tlscope {

/// Adds `-o`, `--format` and what there is to say of files and of connections to collectors.
void AddOutputs(CLI::App& command, OutputOptions& options);

/// Of these, only where to write, as what, and when another file begins.
void AddOutputTargets(CLI::App& command, OutputOptions& options);

/// Adds what is kept of messages and how text shows them.
void AddMessageViews(CLI::App& command, OutputOptions& options);

/// Of these, only how text shows messages.
void AddTextViews(CLI::App& command, OutputOptions& options);

/// Adds how work with an end shows how far it is.
void AddProgress(CLI::App& command, ProgressStyle& style);

/// What is rotated: the options' names, and its name in their help.
struct RotatedFile {
  std::string option;  ///< "--rotate": begins another file
  std::string prefix;  ///< "--rotate": of `-keep` and `-gzip`
  std::string name;    ///< "output file"
};

/// Adds `option`, `PREFIX-keep` and `PREFIX-gzip`.
void AddRotation(CLI::App& command, const RotatedFile& file, RotationOptions& rotation);

/// What the options come to: those of `-o`, and standard output where `--format` names its format
/// or nothing else is asked for. Fails with kUsage where options do not go together.
Result<std::vector<OutputSpec>> OutputsOf(const OutputOptions& options);

/// Whether messages are printed on a terminal, where progress would be in the midst of them.
bool PrintsToTerminal(const OutputOptions& options);

}  // namespace tlscope
