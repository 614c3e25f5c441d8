// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "agent/status/agent_status.h"
#include "processor/bus/event_bus.h"
#include "processor/ipc/broker.h"
#include "processor/metrics/agent_metrics.h"

namespace tlscope {

/// What there is to count beyond a StatusSnapshot.
struct HealthSources {
  const EventBus& bus;
  BrokerStats broker;
  HttpEndpointStats endpoint;
};

/// Everything that is counted, for the metrics.
AgentCounters CountersOf(const StatusSnapshot& snapshot, const HealthSources& sources);

/// Publishes a heartbeat, and every metric as an event.
void PublishHealth(EventBus& bus, std::uint64_t beat, std::uint64_t interval_ms,
                   const AgentCounters& counters);

}  // namespace tlscope
