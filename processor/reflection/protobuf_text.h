// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tlscope {

/// Appends a protobuf message field by field, by nothing but its wire format: a line `number:
/// value` each, where a value of bytes is text in quotes, a message in braces if it can be one, or
/// hex. What cannot be told is not: a varint is shown unsigned. False, and nothing appended, when
/// the bytes are no message. Bounded in depth and text; what is not shown is said.
bool AppendProtobufText(std::string_view message, std::string& out);

}  // namespace tlscope
