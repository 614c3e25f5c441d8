// SPDX-License-Identifier: Apache-2.0
#include "processor/reflection/json_message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "processor/events/endpoint_text.h"
#include "processor/text/base64.h"
#include "processor/text/decimal.h"
#include "processor/text/json_string.h"
#include "processor/text/utf8.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

void AppendDouble(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
}

void AppendSigned(std::int64_t value, std::string& out) {
  std::array<char, 20> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
}

void AppendEndpointText(const v1::Endpoint& endpoint, std::string& out) {
  Endpoint end;
  const std::string& address = endpoint.address();
  AddressFamily family = AddressFamily::kNone;
  if (address.size() == 4) family = AddressFamily::kIpv4;
  if (address.size() == end.address.size()) family = AddressFamily::kIpv6;
  if (family != AddressFamily::kNone) {
    std::copy(address.begin(), address.end(), end.address.begin());
  }
  end.port = static_cast<std::uint16_t>(endpoint.port());
  out.push_back('"');
  AppendEndpoint(family, end, out);
  out.push_back('"');
}

/// Zero is a value like the others, not the lack of one.
bool ZeroMeansSomething(const FieldDescriptor& field) {
  if (field.type() != FieldDescriptor::TYPE_ENUM) return false;
  const auto* zero = field.enum_type()->FindValueByNumber(0);
  return zero != nullptr && zero->name().find("UNSPECIFIED") == std::string::npos;
}

/// Writes the fields of one message.
class Printer {
 public:
  Printer(const google::protobuf::Message& message, UnsetFields unset, std::string& out)
      : message_(message), reflection_(*message.GetReflection()), unset_(unset), out_(out) {}

  void AppendMembers() {
    const auto& descriptor = *message_.GetDescriptor();
    for (int i = 0; i < descriptor.field_count(); ++i) {
      const FieldDescriptor& field = *descriptor.field(i);
      if (IsShown(field)) AppendMember(field);
    }
  }

  void AppendScalar(const FieldDescriptor& field) { AppendValue(field, -1, false); }

 private:
  bool IsShown(const FieldDescriptor& field) const {
    if (field.is_repeated())
      return unset_ == UnsetFields::kShow || reflection_.FieldSize(message_, &field) > 0;
    if (reflection_.HasField(message_, &field)) return true;
    // Presence says something of its own.
    if (field.has_presence()) return false;
    return unset_ == UnsetFields::kShow || ZeroMeansSomething(field);
  }

  void AppendMember(const FieldDescriptor& field) {
    const bool bytes = field.type() == FieldDescriptor::TYPE_BYTES;
    const bool base64 = bytes && !AllText(field);
    out_ += ",\"";
    out_ += field.name();
    out_ += base64 ? "_base64\":" : "\":";
    if (field.is_map()) return AppendMap(field);
    if (!field.is_repeated()) return AppendValue(field, -1, base64);
    out_.push_back('[');
    for (int i = 0; i < reflection_.FieldSize(message_, &field); ++i) {
      if (i != 0) out_.push_back(',');
      AppendValue(field, i, base64);
    }
    out_.push_back(']');
  }

  const std::string& String(const FieldDescriptor& field, int index) {
    return index < 0 ? reflection_.GetStringReference(message_, &field, &scratch_)
                     : reflection_.GetRepeatedStringReference(message_, &field, index, &scratch_);
  }

  bool AllText(const FieldDescriptor& field) {
    if (!field.is_repeated()) return IsUtf8(String(field, -1));
    for (int i = 0; i < reflection_.FieldSize(message_, &field); ++i) {
      if (!IsUtf8(String(field, i))) return false;
    }
    return true;
  }

  /// The value of a field, or one of its values.
  void AppendValue(const FieldDescriptor& field, int index, bool base64) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return AppendSigned(index < 0 ? reflection_.GetInt32(message_, &field)
                                      : reflection_.GetRepeatedInt32(message_, &field, index),
                            out_);
      case FieldDescriptor::CPPTYPE_INT64:
        return AppendSigned(index < 0 ? reflection_.GetInt64(message_, &field)
                                      : reflection_.GetRepeatedInt64(message_, &field, index),
                            out_);
      case FieldDescriptor::CPPTYPE_UINT32:
        return AppendDecimal(index < 0 ? reflection_.GetUInt32(message_, &field)
                                       : reflection_.GetRepeatedUInt32(message_, &field, index),
                             out_);
      case FieldDescriptor::CPPTYPE_UINT64:
        return AppendUnsigned(field, index < 0
                                         ? reflection_.GetUInt64(message_, &field)
                                         : reflection_.GetRepeatedUInt64(message_, &field, index));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return AppendDouble(index < 0 ? reflection_.GetDouble(message_, &field)
                                      : reflection_.GetRepeatedDouble(message_, &field, index),
                            out_);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return AppendDouble(index < 0 ? reflection_.GetFloat(message_, &field)
                                      : reflection_.GetRepeatedFloat(message_, &field, index),
                            out_);
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ += (index < 0 ? reflection_.GetBool(message_, &field)
                           : reflection_.GetRepeatedBool(message_, &field, index))
                    ? "true"
                    : "false";
        return;
      case FieldDescriptor::CPPTYPE_ENUM:
        return AppendEnum(*field.enum_type(),
                          index < 0 ? reflection_.GetEnumValue(message_, &field)
                                    : reflection_.GetRepeatedEnumValue(message_, &field, index));
      case FieldDescriptor::CPPTYPE_STRING:
        return AppendText(String(field, index), base64);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return AppendJsonMessage(index < 0
                                     ? reflection_.GetMessage(message_, &field)
                                     : reflection_.GetRepeatedMessage(message_, &field, index),
                                 unset_, out_);
    }
  }

  void AppendUnsigned(const FieldDescriptor& field, std::uint64_t value) {
    if (field.type() != FieldDescriptor::TYPE_FIXED64) return AppendDecimal(value, out_);
    out_.push_back('"');
    AppendHexId(value, out_);
    out_.push_back('"');
  }

  /// A value that this program does not know is shown as its number.
  void AppendEnum(const EnumDescriptor& type, int value) {
    const auto* const known = type.FindValueByNumber(value);
    if (known == nullptr) return AppendSigned(value, out_);
    AppendJsonString(known->name(), out_);
  }

  void AppendText(std::string_view text, bool base64) {
    if (!base64) return AppendJsonString(text, out_);
    out_.push_back('"');
    AppendBase64(text, out_);
    out_.push_back('"');
  }

  void AppendMap(const FieldDescriptor& field) {
    std::vector<std::string> members;
    for (int i = 0; i < reflection_.FieldSize(message_, &field); ++i) {
      const google::protobuf::Message& entry = reflection_.GetRepeatedMessage(message_, &field, i);
      std::string member;
      // All maps of ours have strings for keys.
      AppendJsonString(entry.GetReflection()->GetString(entry, field.message_type()->map_key()),
                       member);
      member.push_back(':');
      Printer(entry, unset_, member).AppendScalar(*field.message_type()->map_value());
      members.push_back(std::move(member));
    }
    std::sort(members.begin(), members.end());
    out_.push_back('{');
    for (const std::string& member : members) {
      if (&member != &members.front()) out_.push_back(',');
      out_ += member;
    }
    out_.push_back('}');
  }

  const google::protobuf::Message& message_;
  const Reflection& reflection_;
  const UnsetFields unset_;
  std::string& out_;
  std::string scratch_;
};

}  // namespace

void AppendJsonMembers(const google::protobuf::Message& message, UnsetFields unset,
                       std::string& out) {
  Printer(message, unset, out).AppendMembers();
}

std::string ScalarText(const google::protobuf::Message& message, const FieldDescriptor& field) {
  std::string text;
  Printer(message, UnsetFields::kLeaveOut, text).AppendScalar(field);
  return text.starts_with('"') ? text.substr(1, text.size() - 2) : text;
}

void AppendJsonMessage(const google::protobuf::Message& message, UnsetFields unset,
                       std::string& out) {
  if (message.GetDescriptor() == v1::Endpoint::descriptor())
    return AppendEndpointText(static_cast<const v1::Endpoint&>(message), out);
  const std::size_t begin = out.size();
  AppendJsonMembers(message, unset, out);
  if (out.size() == begin) {
    out.push_back('{');
  } else {
    out[begin] = '{';
  }
  out.push_back('}');
}

}  // namespace tlscope
