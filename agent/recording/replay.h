// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/options/output_options.h"
#include "agent/terminal/progress.h"
#include "processor/base/result.h"

namespace tlscope {

/// What `tlscope replay` was asked to do.
struct ReplayOptions {
  OutputOptions output;
  std::string path;  ///< "-": standard input
  double speed = 0;  ///< times as fast as it was recorded; 0: as fast as it goes
  ProgressStyle progress = ProgressStyle::kCompact;
  bool quiet = false;  ///< no progress
};

/// Turns a recording into messages and writes them, needing no privilege. Blocks until the end of
/// the recording, SIGINT, SIGTERM or the end of its output; owns the process's signals while it
/// runs. kInvalidRecord: it is no recording, or a damaged one, of which all up to the damage has
/// been written. kSystem: an output lacks some of it.
Result<void> RunReplay(const ReplayOptions& options);

}  // namespace tlscope
