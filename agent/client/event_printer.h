// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "processor/formats/format.h"
#include "processor/wire/bus_event_reader.h"

namespace tlscope {

/// How `subscribe` writes events.
enum class EventOutput : std::uint8_t {
  kText,  ///< messages as `capture` prints them, everything else as a line
  kLine,  ///< exchanges and losses, a line each; nothing else
  kJson,  ///< all of every event, a line each
};

/// Writes events that came from an agent. One thread.
class EventPrinter {
 public:
  /// `terminal`: bytes of messages must not act on it. `color`: header lines and start lines have
  /// some.
  EventPrinter(EventOutput output, bool terminal, bool color);

  /// Appends nothing for an event that the output does not show.
  void Append(const v1::BusEvent& event, std::string& out);

  /// Where events are missing because they were not read in time.
  void AppendMissed(std::uint64_t events, std::string& out) const;

 private:
  const EventOutput output_;
  std::unique_ptr<Format> format_;  // null for JSON
  BusEventReader reader_;
};

}  // namespace tlscope
