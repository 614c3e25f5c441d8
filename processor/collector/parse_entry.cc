// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/parse_entry.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <vector>

#include "processor/wire/delimited.h"

namespace tlscope {
namespace {

namespace pb = google::protobuf;
using Wire = pb::internal::WireFormatLite;

// The tag and the length, or a number below 128, of a field of the lowest numbers.
constexpr std::size_t kLeastPartBytes = 2;

/// Counts the parts of a serialised entry, without holding any.
class PartCounter {
 public:
  explicit PartCounter(std::string_view bytes)
      : in_(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size())) {}

  /// False once there are too many. What is malformed is left to the parser to refuse.
  bool StaysWithin(std::size_t most) {
    levels_.push_back({v1::LogEntry::descriptor(), 0});
    while (!levels_.empty()) {
      const std::uint32_t tag = in_.ReadTag();
      if (tag == 0) {
        if (!in_.ConsumedEntireMessage()) return true;
        in_.PopLimit(levels_.back().outer_limit);
        levels_.pop_back();
        continue;
      }
      // Groups are of no message of ours, and would hide fields that are not known.
      if (Wire::GetTagWireType(tag) == Wire::WIRETYPE_START_GROUP) return false;
      const pb::FieldDescriptor* const field = FieldOf(tag);
      const bool part = field == nullptr || field->is_repeated();
      if (part && ++parts_ > most) return false;
      const bool holds_fields =
          field != nullptr && field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
      if (!(holds_fields ? Enter(*field) : Wire::SkipField(&in_, tag))) return true;
    }
    return true;
  }

 private:
  struct Level {
    const pb::Descriptor* type;
    pb::io::CodedInputStream::Limit outer_limit;
  };

  /// Null for a field that is not known, or of another type than is known: the parser keeps both.
  const pb::FieldDescriptor* FieldOf(std::uint32_t tag) const {
    const pb::FieldDescriptor* const field =
        levels_.back().type->FindFieldByNumber(Wire::GetTagFieldNumber(tag));
    if (field == nullptr) return nullptr;
    const auto type = static_cast<Wire::FieldType>(field->type());
    return Wire::WireTypeForFieldType(type) == Wire::GetTagWireType(tag) ? field : nullptr;
  }

  bool Enter(const pb::FieldDescriptor& field) {
    int bytes = 0;
    if (!in_.ReadVarintSizeAsInt(&bytes)) return false;
    levels_.push_back({field.message_type(), in_.PushLimit(bytes)});
    return true;
  }

  pb::io::CodedInputStream in_;
  std::vector<Level> levels_;  // as deep as the schema, which does not repeat itself
  std::size_t parts_ = 0;
};

}  // namespace

bool ParseEntry(std::string_view bytes, v1::LogEntry& entry) {
  const bool may_have_many = bytes.size() / kLeastPartBytes > kMaxEntryParts;
  if (may_have_many && !PartCounter(bytes).StaysWithin(kMaxEntryParts)) return false;
  return ParseMessage(bytes, entry);
}

}  // namespace tlscope
