// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "parsers/byte_budget.h"
#include "parsers/stream_parser.h"
#include "processor/direction_stream.h"
#include "processor/event_bus.h"
#include "processor/keyed_hash.h"
#include "processor/processor_stats.h"

namespace tlscope {

/// What all workers of a processor share. Borrowed; outlives them.
struct WorkerEnv {
  const ParserLimits& limits;
  const ProtocolTable& protocols;
  ByteBudget& budget;
  EventBus& bus;
  ProcessorStats& stats;
  HashKey socket_key;                       ///< hides kernel addresses in UUIDs
  const std::vector<std::uint16_t>& ports;  ///< of wanted connections; empty: any
};

}  // namespace tlscope
