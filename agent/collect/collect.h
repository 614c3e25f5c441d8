// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/options/output_options.h"
#include "agent/terminal/progress.h"
#include "processor/base/result.h"
#include "processor/collector/collector.h"

namespace tlscope {

/// What `tlscope collect` was asked to do.
struct CollectOptions : OutputOptions {
  std::vector<std::string> listen;  ///< URLs; see ListenTarget::Parse
  std::string import_path;          ///< read this file instead; empty: listen
  TlsFiles tls;
  CollectorLimits limits;
  ProgressStyle progress = ProgressStyle::kCompact;  ///< of an import
  bool quiet = false;                                ///< warnings and errors only
};

/// Receives what agents send, or reads a file, and writes it to the outputs, until SIGINT or
/// SIGTERM, until nobody reads standard output any more and there is no other output, or until the
/// file is read; none of these is a failure.
Result<void> RunCollect(const CollectOptions& options);

}  // namespace tlscope
