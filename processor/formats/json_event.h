// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tlscope {

namespace v1 {
class BusEvent;
}

/// Appends the event as one line of JSON, by the rules of AppendJsonMessage, with `time` (UTC, ISO
/// 8601, microseconds) before everything else, and a newline.
void AppendJsonEvent(const v1::BusEvent& event, std::string& out);

}  // namespace tlscope
