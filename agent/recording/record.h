// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "agent/options/capture_options.h"
#include "agent/terminal/progress.h"
#include "processor/base/result.h"

namespace tlscope {

/// What `tlscope record` was asked to do.
struct RecordOptions {
  CaptureOptions capture;                 ///< what is captured, and how; its outputs do not matter
  std::string path;                       ///< "-": standard output
  bool replace = false;                   ///< a file that is there
  std::chrono::milliseconds duration{0};  ///< 0: until it is stopped
  std::uint64_t calls = 0;                ///< SSL calls that moved data; 0: any number
  ProgressStyle progress = ProgressStyle::kCompact;
};

/// Records until the limit, SIGINT, SIGTERM or the end of its output, then prints the summary.
/// Blocks; owns the process's signals while it runs. Fails with kSystem where nothing more could be
/// written, unless nobody reads it any longer.
Result<void> RunRecord(const RecordOptions& options);

}  // namespace tlscope
