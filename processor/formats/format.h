// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "processor/events/agent_identity.h"
#include "processor/events/bus_events.h"

namespace tlscope {

/// How bus events are written down. Knows nothing of where they go. One thread at a time.
class Format {
 public:
  virtual ~Format() = default;

  /// Appends the event to `out`; appends nothing when this format does not show such events.
  virtual void Append(const BusPayload& payload, std::string& out) = 0;

  /// What every file of this format, and every other output of it, begins with. Any thread, also
  /// while events are appended.
  virtual std::string Start() const { return {}; }

  /// What stands where `blocks` events of `bytes` bytes in all, 0 when that is not known, were not
  /// taken by the sink. Any thread, as above; so it names no agent, of which there may have been
  /// several.
  virtual std::string Dropped(std::uint64_t /*blocks*/, std::uint64_t /*bytes*/) const {
    return {};
  }

  /// The events appended from now on are those of another agent, which outputs name. Borrowed;
  /// null: of this one, which they do not.
  void SetAgent(const AgentIdentity* agent) { agent_ = agent; }

 protected:
  const AgentIdentity* agent() const { return agent_; }

 private:
  const AgentIdentity* agent_ = nullptr;
};

}  // namespace tlscope
