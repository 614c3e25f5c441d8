// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/storage/stream_positions.h"

#include <iterator>

#include "tlscope/v1/collector_state.pb.h"

namespace tlscope {

StreamPositions::StreamPositions(const StreamPositions& other) {
  for (const Position& position : other.positions_) Set(position.agent, position.sequence);
}

StreamPositions& StreamPositions::operator=(const StreamPositions& other) {
  return *this = StreamPositions(other);
}

std::optional<std::uint64_t> StreamPositions::Of(std::uint64_t stream_id) const {
  const auto found = by_stream_.find(stream_id);
  if (found == by_stream_.end()) return {};
  return found->second->sequence;
}

void StreamPositions::Set(const AgentIdentity& agent, std::uint64_t sequence) {
  const auto found = by_stream_.find(agent.stream_id);
  if (found != by_stream_.end()) {
    found->second->sequence = sequence;
    positions_.splice(positions_.end(), positions_, found->second);
    return;
  }
  if (positions_.size() == kMost) {
    by_stream_.erase(positions_.front().agent.stream_id);
    positions_.pop_front();
  }
  positions_.push_back({agent, sequence});
  by_stream_[agent.stream_id] = std::prev(positions_.end());
}

void StreamPositions::WriteTo(v1::CollectorState& state) const {
  state.clear_positions();
  for (const Position& position : positions_) {
    v1::CollectorState::Position& to = *state.add_positions();
    to.mutable_agent()->set_host(position.agent.host);
    to.mutable_agent()->set_instance(position.agent.instance);
    to.mutable_agent()->set_stream_id(position.agent.stream_id);
    to.set_sequence(position.sequence);
  }
}

void StreamPositions::ReadFrom(const v1::CollectorState& state) {
  for (const v1::CollectorState::Position& from : state.positions()) {
    Set({from.agent().host(), from.agent().instance(), from.agent().stream_id()}, from.sequence());
  }
}

}  // namespace tlscope
