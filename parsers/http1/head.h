// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parsers/http1/framing.h"
#include "parsers/http1/syntax.h"

namespace tlscope::http1 {

/// Finds and checks one head: start line, field lines, blank line (RFC 9112 2.1). Reads each byte
/// once however the head is split, copies nothing, and knows only offsets, so that the bytes may
/// move between calls.
/// Taken as real peers send it: lines may end in a bare LF (RFC 9112 2.2) and be folded (5.2).
/// Refused: what is no field line, and NUL anywhere (RFC 9110 5.5).
class HeadReader {
 public:
  explicit HeadReader(Role role) : role_(role) {}

  enum class Result : std::uint8_t {
    kNeedMore,  ///< fits as far as it goes
    kWhole,     ///< the first size() bytes are a head
    kInvalid,   ///< no head begins with these bytes, whatever follows
  };

  /// Starts over. `resynchronising`: the place is a guess, so only a method that is known counts.
  void Begin(bool resynchronising) {
    *this = HeadReader(role_);
    resynchronising_ = resynchronising;
  }

  /// `bytes` are all bytes since the head's first; on a later call the same ones and more.
  /// The result depends on `bytes` alone, not on the calls before.
  Result Read(std::string_view bytes);

  /// No byte has been looked at since Begin.
  bool fresh() const { return scanned_ == 0; }

  // Of a whole head:
  std::size_t size() const { return line_begin_; }
  const FramingFields& fields() const { return fields_; }
  std::uint16_t status() const { return status_; }
  std::string_view method(std::string_view head) const { return head.substr(0, method_bytes_); }
  std::string_view target(std::string_view head) const {
    return head.substr(target_begin_, target_bytes_);
  }
  /// The value of the last Upgrade field; empty without one.
  std::string_view upgrade(std::string_view head) const {
    return Trim(head.substr(upgrade_begin_, upgrade_bytes_));
  }

 private:
  bool ReadStartLine(std::string_view line);
  bool ReadFieldLine(std::string_view bytes, std::size_t end);
  void CloseField(std::string_view bytes);

  Role role_;
  bool resynchronising_ = false;

  std::size_t line_begin_ = 0;  ///< of the line that has no end yet
  std::size_t scanned_ = 0;     ///< no line end between line_begin_ and here

  // A field of interest is read when the line after it shows that no fold follows.
  FramingFields::Kind field_kind_ = FramingFields::Kind::kOther;
  std::size_t value_begin_ = 0;
  std::size_t value_end_ = 0;

  FramingFields fields_;
  std::uint16_t status_ = 0;
  std::size_t method_bytes_ = 0;
  std::size_t target_begin_ = 0;
  std::size_t target_bytes_ = 0;
  std::size_t upgrade_begin_ = 0;
  std::size_t upgrade_bytes_ = 0;
};

}  // namespace tlscope::http1
