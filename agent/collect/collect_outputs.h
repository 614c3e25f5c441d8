// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/options/output_options.h"
#include "processor/base/result.h"
#include "processor/collector/collector_output.h"

namespace tlscope {

/// What the outputs of a collector tell while it runs.
struct CollectorOutputHooks {
  /// Each kind of failure of each output once, on whatever thread.
  std::function<void(const Error&)> on_failure;
  /// Standard output, which is the only one, cannot be written any more, and not because nobody
  /// reads it.
  std::function<void(const Error&)> on_stdout_failure;
};

/// Opens the outputs of a collector, all or none. Fails with kUsage for those over a network.
Result<std::vector<std::unique_ptr<CollectorOutput>>> OpenCollectorOutputs(
    const OutputOptions& options, const CollectorOutputHooks& hooks);

}  // namespace tlscope
