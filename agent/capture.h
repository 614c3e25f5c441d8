// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/capture_options.h"
#include "processor/result.h"

namespace tlscope {

/// Captures until SIGINT, SIGTERM or the end of its output, then prints the summary. Blocks; owns
/// the process's signals while it runs.
Result<void> RunCapture(const CaptureOptions& options);

}  // namespace tlscope
