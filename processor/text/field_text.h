// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "processor/text/utf8.h"

namespace tlscope {

/// Of a text of the agent itself, in an event.
inline constexpr std::size_t kMaxTextBytes = 4096;

/// Text for a `string` field, which no program reads unless it is UTF-8: paths and names that
/// others chose need not be. Cut to kMaxTextBytes; what is no UTF-8 becomes `?`.
class FieldText {
 public:
  explicit FieldText(std::string_view text) : text_(text.substr(0, kMaxTextBytes)) {
    if (IsUtf8(text_)) return;
    for (std::string_view left = text_; !left.empty();) {
      const std::size_t bytes = Utf8CharacterBytes(left);
      mended_ += bytes == 0 ? std::string_view("?") : left.substr(0, bytes);
      left.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    text_ = mended_;
  }
  FieldText(const FieldText&) = delete;
  FieldText& operator=(const FieldText&) = delete;

  // It is what its bytes are.  NOLINTNEXTLINE(google-explicit-constructor)
  operator std::string_view() const { return text_; }
  std::size_t size() const { return text_.size(); }

 private:
  std::string_view text_;
  std::string mended_;
};

}  // namespace tlscope
