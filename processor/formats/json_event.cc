// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/json_event.h"

#include "processor/reflection/json_message.h"
#include "processor/text/utc_time.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {

void AppendJsonEvent(const v1::BusEvent& event, std::string& out) {
  out += "{\"time\":\"";
  AppendWallTime(event.time_unix_ns(), out);
  out.push_back('"');
  AppendJsonMembers(event, UnsetFields::kLeaveOut, out);
  out += "}\n";
}

}  // namespace tlscope
