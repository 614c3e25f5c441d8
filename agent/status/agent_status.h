// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tlscope/v1/control.pb.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/probes/kernel_counters.h"
#include "agent/status/shared_stats.h"
#include "processor/events/correlation.h"
#include "processor/events/processor_stats.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// All that a report on the agent is made of. Each part may be taken by any thread.
struct StatusSnapshot {
  std::string version;
  std::string instance;
  std::string host;
  std::uint32_t pid = 0;
  std::uint64_t uptime_ns = 0;
  Stage stage = Stage::kStarting;
  std::vector<std::string> libraries;
  std::vector<SeenProcess> processes;
  KernelCounters kernel{};
  ProcessorStats processor;
  TrafficRates rates;
  std::uint64_t rate_limited_events = 0;
  std::vector<SinkSnapshot> sinks;
  ClientCounts clients;
  std::vector<std::pair<std::string, std::string>> settings;
};

/// The report. Names that others chose come without what could break a line or a terminal.
v1::AgentStatus MakeStatus(const StatusSnapshot& snapshot);

/// "dropped: 1 queue full, 2 not delivered or refused, 3 output closed or broken".
std::string DropsText(std::uint64_t full, std::uint64_t failed, std::uint64_t closed);

/// The report for people: lines, each ended by LF.
std::string StatusText(const v1::AgentStatus& status);

}  // namespace tlscope
