// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/tlscope_abi.h"
#include "processor/events/processor_stats.h"
#include "processor/metrics/http_endpoint.h"
#include "processor/metrics/metric.h"
#include "processor/sinks/sink.h"

namespace tlscope {

struct SinkCounters {
  std::string name;  ///< one of its own per sink; becomes a label
  SinkStats stats;
};

struct TopicCounters {
  std::string topic;  ///< dotted name; becomes a label
  std::uint64_t published = 0;
};

struct BusCounters {
  std::vector<TopicCounters> topics;
  std::uint64_t rate_limited = 0;  ///< events not published because there were too many
  std::uint64_t lost = 0;          ///< events that slow subscribers have not received, summed
  std::uint64_t subscribers = 0;   ///< now
};

struct IpcCounters {
  std::uint64_t clients = 0;  ///< connected now
  std::uint64_t refused = 0;  ///< clients turned away, for whatever reason
};

/// Everything the agent counts, copied at one moment. Counts are since its start.
struct AgentCounters {
  std::string version;  ///< of the build
  double uptime_seconds = 0;
  std::uint64_t libraries_attached = 0;  ///< now
  std::uint64_t processes_watched = 0;   ///< now
  ProcessorStats processor;
  std::array<tlscope_counter_row, TLSCOPE_COUNTERS> kernel{};  ///< indexed by enum tlscope_counter
  std::vector<SinkCounters> sinks;
  BusCounters bus;
  IpcCounters ipc;
  HttpEndpointStats endpoint;
};

/// What is known of a metric before anything is counted.
struct MetricDescription {
  std::string_view name;
  MetricType type;
  std::string_view labels;  ///< names, joined by ", "; usually none
  std::string_view help;
};

/// Every metric of the agent, in the order of AgentMetrics.
std::vector<MetricDescription> DescribeAgentMetrics();

/// One family for each described metric; one without samples has nothing to be told apart yet.
std::vector<MetricFamily> AgentMetrics(const AgentCounters& counters);

}  // namespace tlscope
