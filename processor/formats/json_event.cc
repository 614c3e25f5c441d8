// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/json_event.h"

#include <algorithm>
#include <cstdint>

#include "processor/formats/json_message.h"
#include "processor/formats/utc_time.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {

void AppendJsonEvent(const v1::BusEvent& event, std::string& out) {
  out += "{\"time\":\"";
  const std::int64_t time = std::max<std::int64_t>(event.time_unix_ns(), 0);
  UtcTime(0).Append(static_cast<std::uint64_t>(time), out);
  out.push_back('"');
  AppendJsonMembers(event, UnsetFields::kLeaveOut, out);
  out += "}\n";
}

}  // namespace tlscope
