// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace tlscope {

/// Which agent saw an event.
struct AgentIdentity {
  std::string host;
  std::string instance;         ///< its name among the agents of that host
  std::uint64_t stream_id = 0;  ///< of one run of one output
};

}  // namespace tlscope
