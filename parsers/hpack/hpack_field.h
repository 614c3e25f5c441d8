// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope::http2 {

/// The last index of the static table (RFC 7541 appendix A).
inline constexpr std::uint64_t kStaticEntries = 61;

/// One representation of a header block (RFC 7541 6), looked at but not decoded: what it refers to
/// and where it ends.
struct HpackField {
  enum class Kind : std::uint8_t { kIndexed, kIncremental, kWithout, kNever, kSizeUpdate };

  Kind kind = Kind::kIndexed;
  std::uint32_t index = 0;  ///< of the field or its name; a literal name: 0; or the size
  std::string_view name;    ///< a literal name as sent
  bool name_is_huffman = false;
  std::size_t value_begin = 0;  ///< where the value's length stands
  std::uint32_t longest = 0;    ///< bytes of the longer of its strings, as sent
  std::size_t size = 0;         ///< of the whole representation
};

enum class FieldScan : std::uint8_t { kField, kNeedMore, kInvalid };

/// Looks at the representation that `bytes` begin with.
FieldScan ScanField(std::string_view bytes, HpackField& field);

}  // namespace tlscope::http2
