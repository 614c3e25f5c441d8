// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tlscope::content {

/// The codings that can be removed (RFC 9110 8.4.1, RFC 7932, RFC 8878).
enum class Coding : std::uint8_t { kGzip, kDeflate, kBrotli, kZstd };

/// As Content-Encoding names it.
std::string_view CodingName(Coding coding);

/// The codings of one body in the order in which they were applied, which is the order of
/// Content-Encoding and, behind it, Transfer-Encoding.
class CodingList {
 public:
  /// No real body has more; a longer list is taken for unknown.
  static constexpr std::size_t kMaxCodings = 4;

  /// Appends the codings of a field value ("gzip, br"), in any case. `identity` and empty elements
  /// change nothing, `x-gzip` is gzip; anything else makes the list unknown.
  void Add(std::string_view value);
  /// Appends one coding, as an element of such a list.
  void AddOne(std::string_view name);
  /// Appends those of another list.
  void Add(const CodingList& others);

  /// No coding was named.
  bool empty() const { return count_ == 0 && known_; }
  /// All of them can be removed.
  bool known() const { return known_; }
  /// There is something to remove and it can be done.
  bool removable() const { return known_ && count_ != 0; }
  /// Those named, in the order in which they were applied; meaningless unless known().
  std::span<const Coding> codings() const { return {codings_.data(), count_}; }
  bool Has(Coding coding) const;

  /// "gzip, br".
  std::string Text() const;

 private:
  void Append(Coding coding);

  std::array<Coding, kMaxCodings> codings_{};
  std::uint8_t count_ = 0;
  bool known_ = true;
};

}  // namespace tlscope::content
