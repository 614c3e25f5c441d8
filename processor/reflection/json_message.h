// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace tlscope {

enum class UnsetFields : std::uint8_t { kLeaveOut, kShow };

/// Appends a message of ours as one line of JSON, for programs that read numbers as numbers:
/// - fields have the names and the order that the schema gives them;
/// - integers of any size are numbers; a fixed64 is an id, and 16 hex digits; an enumeration is the
///   name of its value; what is no finite number is null;
/// - bytes are text under their field's name when they are UTF-8, else in base64 under
///   `<name>_base64`;
/// - an Endpoint is "10.0.0.7:8443" or "[::1]:443";
/// - a map is an object, its keys sorted.
/// Of what is left out as unset, an enumeration whose zero means something (READ) is shown.
void AppendJsonMessage(const google::protobuf::Message& message, UnsetFields unset,
                       std::string& out);

/// The members of that object alone: without braces, each with a comma before it.
void AppendJsonMembers(const google::protobuf::Message& message, UnsetFields unset,
                       std::string& out);

/// The value of a field that is neither repeated nor text, as above but without quotes.
std::string ScalarText(const google::protobuf::Message& message,
                       const google::protobuf::FieldDescriptor& field);

}  // namespace tlscope
