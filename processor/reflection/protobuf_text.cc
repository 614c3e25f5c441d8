// SPDX-License-Identifier: Apache-2.0
#include "processor/reflection/protobuf_text.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "processor/text/decimal.h"
#include "processor/text/hex_digits.h"
#include "processor/text/printable.h"

namespace tlscope {
namespace {

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxTextBytes = 4U << 20;
// A value of more bytes is told by its size: as text or hex it would go beyond.
constexpr std::size_t kMaxValueBytes = 1U << 20;
constexpr std::uint64_t kMaxFieldNumber = (1U << 29U) - 1;

enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint64_t number = 0;
  unsigned type = kVarint;
  std::uint64_t value = 0;  ///< unless kBytes
  std::string_view bytes;   ///< of kBytes
};

bool ReadVarint(std::string_view& from, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80U) == 0) return true;
  }
  return false;
}

bool ReadFixed(std::string_view& from, std::size_t size, std::uint64_t& value) {
  if (from.size() < size) return false;
  value = 0;
  std::memcpy(&value, from.data(), size);  // little-endian, as this machine is
  from.remove_prefix(size);
  return true;
}

/// Groups, which proto3 does not have, are not read.
bool ReadField(std::string_view& from, Field& field) {
  std::uint64_t tag = 0;
  if (!ReadVarint(from, tag)) return false;
  field.number = tag >> 3U;
  field.type = static_cast<unsigned>(tag & 7U);
  if (field.number == 0 || field.number > kMaxFieldNumber) return false;
  switch (field.type) {
    case kVarint:
      return ReadVarint(from, field.value);
    case kFixed64:
      return ReadFixed(from, 8, field.value);
    case kFixed32:
      return ReadFixed(from, 4, field.value);
    case kBytes:
      break;
    default:
      return false;
  }
  std::uint64_t size = 0;
  if (!ReadVarint(from, size) || size > from.size()) return false;
  field.bytes = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

bool IsMessage(std::string_view bytes) {
  Field field;
  while (!bytes.empty()) {
    if (!ReadField(bytes, field)) return false;
  }
  return true;
}

void AppendHex(std::string_view bytes, std::string& out) {
  out += "0x";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kHexDigits[byte >> 4U]);
    out.push_back(kHexDigits[byte & 15U]);
  }
}

void AppendQuoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

/// Whether the value is a message, to be opened.
bool AppendValue(const Field& field, std::size_t depth, std::string& out) {
  out += field.type == kBytes ? "" : ": ";
  if (field.type != kBytes) {
    AppendDecimal(field.value, out);
  } else if (field.bytes.size() > kMaxValueBytes) {
    out += ": [tlscope: ";
    AppendDecimal(field.bytes.size(), out);
    out += " bytes]";
  } else if (IsPrintableText(field.bytes)) {
    out += ": ";
    AppendQuoted(field.bytes, out);
  } else if (depth < kMaxDepth && IsMessage(field.bytes)) {
    out += " {\n";
    return true;
  } else {
    out += ": ";
    AppendHex(field.bytes, out);
  }
  out.push_back('\n');
  return false;
}

}  // namespace

bool AppendProtobufText(std::string_view message, std::string& out) {
  if (!IsMessage(message)) return false;
  const std::size_t begin = out.size();
  std::vector<std::string_view> open{message};  // what is left of each message, outermost first
  while (!open.empty()) {
    if (open.back().empty() || out.size() - begin > kMaxTextBytes) {
      open.pop_back();
      if (!open.empty()) out.append(2 * (open.size() - 1), ' ') += "}\n";
      continue;
    }
    Field field;
    if (!ReadField(open.back(), field)) break;  // cannot be: IsMessage has read it
    out.append(2 * (open.size() - 1), ' ');
    AppendDecimal(field.number, out);
    if (AppendValue(field, open.size(), out)) open.push_back(field.bytes);
  }
  if (out.size() - begin > kMaxTextBytes)
    out += "[tlscope: the rest of the message is not shown]\n";
  return true;
}

}  // namespace tlscope
