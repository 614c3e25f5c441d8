// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "processor/events/agent_identity.h"

namespace tlscope {

namespace v1 {
class CollectorState;
}

/// How far each stream has come, by the number of its latest entry. The streams that were heard of
/// longest ago are forgotten beyond kMost. One thread.
class StreamPositions {
 public:
  static constexpr std::size_t kMost = 1024;

  StreamPositions() = default;
  StreamPositions(const StreamPositions& other);
  StreamPositions(StreamPositions&&) = default;
  StreamPositions& operator=(const StreamPositions& other);
  StreamPositions& operator=(StreamPositions&&) = default;
  ~StreamPositions() = default;

  /// Nothing for a stream that is not known.
  std::optional<std::uint64_t> Of(std::uint64_t stream_id) const;
  void Set(const AgentIdentity& agent, std::uint64_t sequence);

  void WriteTo(v1::CollectorState& state) const;
  void ReadFrom(const v1::CollectorState& state);

 private:
  struct Position {
    AgentIdentity agent;
    std::uint64_t sequence;
  };
  std::list<Position> positions_;  // the one set last is last
  std::unordered_map<std::uint64_t, std::list<Position>::iterator> by_stream_;  // of positions_
};

}  // namespace tlscope
