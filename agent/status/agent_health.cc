// SPDX-License-Identifier: Apache-2.0
#include "agent/status/agent_health.h"

#include <cstddef>
#include <string>
#include <variant>

namespace tlscope {

AgentCounters CountersOf(const StatusSnapshot& snapshot, const HealthSources& sources) {
  AgentCounters counters;
  counters.version = snapshot.version;
  counters.uptime_seconds = static_cast<double>(snapshot.uptime_ns) / 1e9;
  counters.libraries_attached = snapshot.libraries.size();
  counters.processes_watched = snapshot.processes.size();
  counters.processor = snapshot.processor;
  counters.kernel = snapshot.kernel;
  for (const SinkSnapshot& sink : snapshot.sinks) counters.sinks.push_back({sink.name, sink.stats});
  const auto published = sources.bus.published();
  for (std::size_t i = 0; i < kTopics; ++i) {
    counters.bus.topics.push_back({std::string(TopicName(static_cast<Topic>(i))), published[i]});
  }
  counters.bus.rate_limited = sources.bus.rate_limited();
  counters.bus.lost = sources.bus.missed();
  counters.bus.subscribers = sources.bus.subscriptions();
  counters.ipc.clients = sources.broker.clients;
  counters.ipc.refused = sources.broker.refused_clients;
  counters.endpoint = sources.endpoint;
  return counters;
}

void PublishHealth(EventBus& bus, std::uint64_t beat, std::uint64_t interval_ms,
                   const AgentCounters& counters) {
  bus.Publish(Topic::kHealthHeartbeat,
              HeartbeatEvent{beat, static_cast<std::uint64_t>(counters.uptime_seconds * 1e9),
                             interval_ms, bus.stage()});
  for (const MetricFamily& family : AgentMetrics(counters)) {
    for (const MetricSample& sample : family.samples) {
      const double value =
          std::visit([](auto number) { return static_cast<double>(number); }, sample.value);
      bus.Publish(Topic::kHealthStatus, MetricEvent{family.name, sample.labels, value});
    }
  }
}

}  // namespace tlscope
