// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "agent/client/event_printer.h"
#include "processor/base/result.h"
#include "processor/ipc/agent_socket.h"
#include "tlscope/v1/control.pb.h"

namespace tlscope {

/// What `tlscope subscribe` was asked to do.
struct SubscribeCommand {
  Instance instance;
  v1::Subscribe wish;
  EventOutput output = EventOutput::kText;
  bool reconnect = true;    ///< waits for the agent when it has gone, as it may be started again
  std::uint64_t count = 0;  ///< of events to print; 0: as many as come
};

/// Writes an agent's events to standard output until SIGINT or SIGTERM, until nobody reads them any
/// more, or until what was asked for is over; none of these is a failure.
Result<void> RunSubscribe(const SubscribeCommand& command);

}  // namespace tlscope
