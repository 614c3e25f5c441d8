// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "agent/discovery/process_roster.h"
#include "processor/events/processor_stats.h"

namespace tlscope {

/// Messages of every type.
std::uint64_t MessagesOf(const ProcessorStats& stats);

struct TrafficRates {
  double messages_per_second = 0;
  double bytes_per_second = 0;  ///< of plaintext
};

struct ClientCounts {
  std::uint32_t clients = 0;
  std::uint32_t subscriptions = 0;
};

/// Copies of what the agent's threads know, for any thread that is asked how the agent is.
class SharedStats {
 public:
  /// The rates are those of this many seconds up to the latest numbers, or of fewer at first.
  static constexpr std::size_t kRateSeconds = 5;

  /// The processor's thread, often: never waits. When somebody is reading just then these numbers
  /// are left out. `ktime_ns`: CLOCK_MONOTONIC.
  void PublishProcessor(const ProcessorStats& stats, std::uint64_t ktime_ns) noexcept;

  void PublishAttached(std::vector<std::string> libraries, std::vector<SeenProcess> processes);

  /// Those of the agent's socket.
  void PublishClients(const ClientCounts& clients);

  ClientCounts clients() const;
  ProcessorStats processor() const;
  TrafficRates rates() const;
  std::vector<std::string> libraries() const;
  std::vector<SeenProcess> processes() const;

 private:
  struct Sample {
    std::uint64_t ktime_ns = 0;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };

  mutable std::mutex processor_mutex_;
  ProcessorStats processor_;
  Sample latest_;
  std::array<Sample, kRateSeconds> samples_{};  // a second apart at least; a ring
  std::size_t samples_taken_ = 0;

  mutable std::mutex attached_mutex_;
  std::vector<std::string> libraries_;
  std::vector<SeenProcess> processes_;
  ClientCounts clients_;
};

}  // namespace tlscope
