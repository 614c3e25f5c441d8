// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "processor/wire/bus_event_reader.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {

/// Turns what ProtobufFormat wrote back into what it was made of, for the formats: times are
/// nanoseconds since 1970 UTC, so that a format's offset is 0. What it reads may come from anybody:
/// sizes that do not fit each other are taken for 0, and names that formats rely on to be printable
/// are made so. One thread.
class LogEntryReader {
 public:
  /// Borrows from `entry` and from the reader, until the next call. Null for what is no event (a
  /// hello, a heartbeat) and for an event of a kind that is not known.
  const BusPayload* Read(const v1::LogEntry& entry);

 private:
  const BusPayload* ReadMessage(const v1::Event& event);

  v1::BusEvent event_;  // made of an Event, or of a BusEvent that had to be mended
  BusEventReader reader_;
};

}  // namespace tlscope
