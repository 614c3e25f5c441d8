// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tlscope {

/// Writes the fields of a message straight into memory, as the generated classes would, without
/// filling one of them in first: that copies every string once more. The caller sees to it that
/// there is room. Fields at their default are left out, as proto3 has it.
class ProtoWriter {
 public:
  /// Bytes that any field takes besides its contents, at most: tag and length, or tag and varint.
  static constexpr std::size_t kMaxOverhead = 16;

  explicit ProtoWriter(char* at) : at_(reinterpret_cast<std::uint8_t*>(at)) {}

  char* end() const { return reinterpret_cast<char*>(at_); }

  void Varint(int field, std::uint64_t value) {
    if (value != 0) PutVarint(field, value);
  }
  void PutVarint(int field, std::uint64_t value) {
    Tag(field, 0);
    at_ = Stream::WriteVarint64ToArray(value, at_);
  }
  void Bool(int field, bool value) { Varint(field, value ? 1 : 0); }
  void Signed(int field, std::int64_t value) { Varint(field, static_cast<std::uint64_t>(value)); }
  void Fixed64(int field, std::uint64_t value) {
    if (value != 0) PutFixed64(field, value);
  }
  void PutFixed64(int field, std::uint64_t value) {
    Tag(field, 1);
    at_ = Stream::WriteLittleEndian64ToArray(value, at_);
  }
  void PutFixed32(int field, std::uint32_t value) {
    Tag(field, 5);
    at_ = Stream::WriteLittleEndian32ToArray(value, at_);
  }
  void PutDouble(int field, double value) {
    PutFixed64(field, std::bit_cast<std::uint64_t>(value));
  }
  void Bytes(int field, std::string_view bytes) {
    if (!bytes.empty()) PutBytes(field, bytes);
  }
  void PutBytes(int field, std::string_view bytes) {
    PutLength(field, bytes.size());
    Raw(bytes);
  }
  /// The beginning of a field of so many bytes, which are written elsewhere.
  void PutLength(int field, std::size_t bytes) {
    Tag(field, 2);
    at_ = Stream::WriteVarint64ToArray(bytes, at_);
  }
  /// Fields that are serialised already.
  void Raw(std::string_view bytes) { at_ = std::copy(bytes.begin(), bytes.end(), at_); }

  /// A message in a field: what is written until End(Begin(...)) is its contents. `size_hint`: what
  /// they will come to, roughly; a good guess saves moving them.
  struct Nested {
    std::uint8_t* contents;
    std::ptrdiff_t length_bytes;
  };
  Nested Begin(int field, std::size_t size_hint = 0) {
    Tag(field, 2);
    const auto length_bytes = static_cast<std::ptrdiff_t>(Stream::VarintSize64(size_hint));
    at_ += length_bytes;
    return {at_, length_bytes};
  }
  void End(Nested nested) {
    const auto bytes = static_cast<std::size_t>(at_ - nested.contents);
    const auto needed = static_cast<std::ptrdiff_t>(Stream::VarintSize64(bytes));
    std::uint8_t* const length = nested.contents - nested.length_bytes;
    if (needed != nested.length_bytes) std::memmove(length + needed, nested.contents, bytes);
    Stream::WriteVarint64ToArray(bytes, length);
    at_ = length + needed + bytes;
  }

 private:
  using Stream = google::protobuf::io::CodedOutputStream;

  void Tag(int field, std::uint32_t wire_type) {
    at_ = Stream::WriteVarint32ToArray(static_cast<std::uint32_t>(field) << 3 | wire_type, at_);
  }

  std::uint8_t* at_;
};

}  // namespace tlscope
