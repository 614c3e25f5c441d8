// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "parsers/core/byte_budget.h"
#include "parsers/core/stream_parser.h"
#include "processor/base/keyed_hash.h"
#include "processor/bus/event_bus.h"
#include "processor/connections/direction_stream.h"
#include "processor/events/kernel_records.h"
#include "processor/events/processor_stats.h"

namespace tlscope {

/// What all workers of a processor share. Borrowed; outlives them.
struct WorkerEnv {
  const ParserLimits& limits;
  const ProtocolTable& protocols;
  ByteBudget& budget;
  BusPublisher& bus;
  ProcessorStats& stats;
  HashKey socket_key;                       ///< hides kernel addresses in UUIDs
  const std::vector<std::uint16_t>& ports;  ///< of wanted connections; empty: any

  /// Whether one of the ends has a wanted port.
  bool Wants(const Tuple& tuple) const {
    if (ports.empty()) return true;
    const auto wanted = [this](const Endpoint& end) {
      return std::find(ports.begin(), ports.end(), end.port) != ports.end();
    };
    return tuple.family != AddressFamily::kNone && (wanted(tuple.local) || wanted(tuple.remote));
  }
};

}  // namespace tlscope
