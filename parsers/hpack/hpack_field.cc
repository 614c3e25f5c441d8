// SPDX-License-Identifier: Apache-2.0
#include "parsers/hpack/hpack_field.h"

#include <algorithm>

namespace tlscope::http2 {
namespace {

// RFC 7541 5.1. Continuation bytes beyond these would leave 32 bits, or are zeros for nothing.
constexpr int kMaxContinuations = 5;

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  FieldScan Integer(unsigned prefix_bits, std::uint32_t& value) {
    if (at_ == bytes_.size()) return FieldScan::kNeedMore;
    const std::uint32_t mask = (1U << prefix_bits) - 1;
    value = Byte() & mask;
    if (value != mask) return FieldScan::kField;
    std::uint64_t sum = value;
    for (int count = 0; count < kMaxContinuations; ++count) {
      if (at_ == bytes_.size()) return FieldScan::kNeedMore;
      const std::uint32_t byte = Byte();
      sum += std::uint64_t{byte & 0x7fU} << (7U * static_cast<unsigned>(count));
      if (sum > UINT32_MAX) return FieldScan::kInvalid;
      value = static_cast<std::uint32_t>(sum);
      if ((byte & 0x80U) == 0) return FieldScan::kField;
    }
    return FieldScan::kInvalid;
  }

  FieldScan String(std::string_view& text, bool& huffman, std::uint32_t& longest) {
    if (at_ == bytes_.size()) return FieldScan::kNeedMore;
    huffman = (static_cast<unsigned char>(bytes_[at_]) & 0x80U) != 0;
    std::uint32_t length = 0;
    const FieldScan scan = Integer(7, length);
    if (scan != FieldScan::kField) return scan;
    longest = std::max(longest, length);
    if (bytes_.size() - at_ < length) return FieldScan::kNeedMore;
    text = bytes_.substr(at_, length);
    at_ += length;
    return FieldScan::kField;
  }

  std::size_t at() const { return at_; }

 private:
  std::uint32_t Byte() { return static_cast<unsigned char>(bytes_[at_++]); }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

unsigned ReadKind(unsigned char first, HpackField& field) {
  if ((first & 0x80U) != 0) {
    field.kind = HpackField::Kind::kIndexed;
    return 7;
  }
  if ((first & 0x40U) != 0) {
    field.kind = HpackField::Kind::kIncremental;
    return 6;
  }
  if ((first & 0x20U) != 0) {
    field.kind = HpackField::Kind::kSizeUpdate;
    return 5;
  }
  field.kind = (first & 0x10U) != 0 ? HpackField::Kind::kNever : HpackField::Kind::kWithout;
  return 4;
}

FieldScan ScanStrings(Cursor& cursor, HpackField& field) {
  field.name = {};
  if (field.index == 0) {
    const FieldScan scan = cursor.String(field.name, field.name_is_huffman, field.longest);
    if (scan != FieldScan::kField) return scan;
  }
  field.value_begin = cursor.at();
  std::string_view value;
  bool huffman = false;
  return cursor.String(value, huffman, field.longest);
}

}  // namespace

FieldScan ScanField(std::string_view bytes, HpackField& field) {
  if (bytes.empty()) return FieldScan::kNeedMore;
  const unsigned prefix_bits = ReadKind(static_cast<unsigned char>(bytes.front()), field);
  field.longest = 0;
  Cursor cursor(bytes);
  FieldScan scan = cursor.Integer(prefix_bits, field.index);
  if (scan != FieldScan::kField) return scan;
  if (field.kind == HpackField::Kind::kIndexed) {
    if (field.index == 0) return FieldScan::kInvalid;
  } else if (field.kind != HpackField::Kind::kSizeUpdate) {
    scan = ScanStrings(cursor, field);
  }
  field.size = cursor.at();
  return scan;
}

}  // namespace tlscope::http2
