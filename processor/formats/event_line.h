// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tlscope {

namespace v1 {
class BusEvent;
}

/// Appends one line that says all of an event but the bytes of messages, for kinds that the text
/// format does not show: `Time:..., Topic:..., Kind:..., ` then `Key:value` pairs, named as the
/// schema's fields are, of its detail and its connection.
void AppendEventLine(const v1::BusEvent& event, std::string& out);

}  // namespace tlscope
