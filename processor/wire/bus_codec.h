// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "processor/events/bus_events.h"
#include "processor/events/correlation.h"
#include "processor/events/topic.h"
#include "processor/text/field_text.h"

namespace tlscope {

/// A tlscope.v1.BusEvent is serialised in two parts, which one after the other are the whole: what
/// every event says, by whoever reads it, and what its payload says, by its publisher, who has less
/// time.
struct EventStamp {
  Topic topic{};
  EventKind kind{};
  std::uint64_t topic_sequence = 0;
  std::int64_t time_unix_ns = 0;
  Correlation correlation;
  std::uint64_t root_sequence = 0;
};

/// "key=value" each, as EncodeStamp wants them.
std::string EncodeTags(const std::vector<std::string>& tags);
/// The same as the `repeated string` of another message.
std::string EncodeTags(const std::vector<std::string>& tags, int field);

/// Bytes that EncodeStamp writes at most, for tags of so many bytes.
constexpr std::size_t MaxStampBytes(std::size_t encoded_tag_bytes) {
  return 256 + encoded_tag_bytes;
}

/// Writes the first part to `out` and returns how many bytes it is.
std::size_t EncodeStamp(const EventStamp& stamp, std::string_view encoded_tags, char* out);

/// How a payload is written.
struct PayloadLimits {
  std::int64_t realtime_offset_ns = 0;  ///< CLOCK_REALTIME minus CLOCK_MONOTONIC
  std::size_t body_bytes = 0;           ///< kept of a message's body; the rest is told as cut
};

/// Serialises the second part into `buffer`, which grows as needed and may be used again. The
/// result points into it. Texts of the agent itself are cut to kMaxTextBytes.
std::string_view EncodePayload(Topic topic, const BusPayload& payload, const PayloadLimits& limits,
                               std::vector<char>& buffer, EventKind& kind);

}  // namespace tlscope
