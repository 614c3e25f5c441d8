// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/probes/kernel_counters.h"
#include "agent/status/agent_status.h"
#include "agent/status/loss_table.h"
#include "processor/bus/event_bus.h"
#include "processor/events/processor_stats.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// Prints what was seen, delivered and lost, by cause, to the log. The sums add up:
///   seen bytes == delivered bytes + bytes of every cause of loss.
void PrintSummary(const KernelCounters& kernel, const Evictions& evictions,
                  const ProcessorStats& processor, const std::vector<SinkSnapshot>& outputs);

/// What the kernel side forgot because its tables were full.
void PrintEvictions(const Evictions& evictions);

/// What was lost, by cause: two lines.
void PrintLosses(const std::vector<Loss>& losses);

/// "HttpRequest 3, HttpResponse 3"; "none".
std::string MessagesByType(const ProcessorStats& processor);

/// What became of the messages of each output.
void PrintOutputs(const std::vector<SinkSnapshot>& outputs);

/// Prints what was dropped or missed after the processor: by the rate limit, by subscribers and by
/// the event log, if there was one.
void PrintBusSummary(const EventBus& bus, const std::optional<SinkStats>& log);

}  // namespace tlscope
