// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "processor/bus/event_bus.h"
#include "processor/formats/format.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// What an Output made of the events it got.
struct OutputStats {
  std::uint64_t events = 0;          ///< that the format shows
  std::uint64_t bytes = 0;           ///< of text made
  std::uint64_t refused_events = 0;  ///< that the sink did not take
};

/// Joins one format and one sink: whatever the bus brings is formatted and pushed. One per
/// publishing thread; several may share a sink.
class Output final : public BusSubscriber {
 public:
  /// `sink` is borrowed and outlives the output.
  Output(std::shared_ptr<Format> format, Sink& sink);

  /// Pushes what outputs of the format begin with, which counts as no event. Once, before events.
  void Start();

  void OnBusEvent(Topic topic, const BusPayload& payload) noexcept override;

  /// Of the publishing thread, read there or after it has ended.
  const OutputStats& stats() const { return stats_; }

 private:
  std::shared_ptr<Format> format_;  // shared with those who mark what the sink dropped
  Sink& sink_;
  OutputStats stats_;
};

}  // namespace tlscope
