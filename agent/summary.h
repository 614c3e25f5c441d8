// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/probe_session.h"
#include "processor/processor_stats.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// Prints what was seen, delivered and lost, by cause, to the log. The sums add up:
///   seen bytes == delivered bytes + bytes of every cause of loss.
void PrintSummary(const KernelCounters& kernel, const Evictions& evictions,
                  const ProcessorStats& processor, const SinkStats& sink);

}  // namespace tlscope
