// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "parsers/http1/syntax.h"

namespace tlscope::http1 {

/// Longest method taken for one; the longest registered has 17 characters.
inline constexpr std::size_t kMaxMethodBytes = 32;

/// RFC 9112 3: method SP request-target SP HTTP-version. Views into the line.
struct RequestLine {
  std::string_view method;
  std::string_view target;  ///< in any of the four forms of RFC 9112 3.2, not looked into
};

/// `line` is without its line end. Empty when it is not a request line of HTTP/1.x. Real servers
/// take more spaces than one, and spaces at the end (RFC 9112 3 lets them).
std::optional<RequestLine> ParseRequestLine(std::string_view line);

/// RFC 9112 4: HTTP-version SP status-code [SP reason-phrase]. The status code, 100 to 999, or
/// empty when it is not a status line of HTTP/1.x. Real servers leave the second SP out.
std::optional<std::uint16_t> ParseStatusLine(std::string_view line);

/// Whether bytes that hold no line end yet may become a start line of the role. A cheap test with
/// no false negatives: what it refuses, the full test would refuse too.
bool MayBeginStartLine(Role role, std::string_view bytes);

}  // namespace tlscope::http1
