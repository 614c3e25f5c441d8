// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/event_line.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <vector>

#include "processor/events/event_kind.h"
#include "processor/reflection/json_message.h"
#include "processor/text/printable.h"
#include "processor/text/utc_time.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

using google::protobuf::FieldDescriptor;

void AppendFields(const google::protobuf::Message& message, std::string& out);

/// A list with commas would look like another field.
void AppendJoined(const std::vector<std::string>& values, std::string& out) {
  for (const std::string& value : values) {
    if (&value != &values.front()) out.push_back('+');
    AppendFieldValue(value, out);
  }
}

std::vector<std::string> ValuesOf(const google::protobuf::Message& message,
                                  const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  std::vector<std::string> values;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      values.push_back(reflection.GetRepeatedString(message, &field, i));
    } else if (field.is_map()) {
      const google::protobuf::Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      const auto& of_entry = *entry.GetReflection();
      values.push_back(of_entry.GetString(entry, field.message_type()->map_key()) + '=' +
                       of_entry.GetString(entry, field.message_type()->map_value()));
    }
  }
  if (field.is_map()) std::sort(values.begin(), values.end());
  return values;
}

void AppendScalar(const google::protobuf::Message& message, const FieldDescriptor& field,
                  std::string& out) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING)
    return AppendFieldValue(message.GetReflection()->GetString(message, &field), out);
  out += ScalarText(message, field);
}

void AppendField(const google::protobuf::Message& message, const FieldDescriptor& field,
                 std::string& out) {
  const auto& reflection = *message.GetReflection();
  const bool nested = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_map() &&
                      field.message_type() != v1::Endpoint::descriptor();
  if (nested) {
    if (!field.is_repeated()) AppendFields(reflection.GetMessage(message, &field), out);
    return;
  }
  out += ", ";
  out += CamelCase(field.name());
  out.push_back(':');
  if (field.is_repeated()) return AppendJoined(ValuesOf(message, field), out);
  AppendScalar(message, field, out);
}

void AppendFields(const google::protobuf::Message& message, std::string& out) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) AppendField(message, *field, out);
}

}  // namespace

void AppendEventLine(const v1::BusEvent& event, std::string& out) {
  out += "Time:";
  AppendWallTime(event.time_unix_ns(), out);
  out += ", Topic:";
  AppendFieldValue(event.topic(), out);
  out += ", Kind:";
  out += EventKindName(event.kind());
  const auto& reflection = *event.GetReflection();
  const auto* const detail = reflection.GetOneofFieldDescriptor(
      event, v1::BusEvent::descriptor()->FindOneofByName("detail"));
  if (detail != nullptr) AppendFields(reflection.GetMessage(event, detail), out);
  if (event.has_connection()) AppendFields(event.connection(), out);
  out.push_back('\n');
}

}  // namespace tlscope
