// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tlscope {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Optional whitespace; a folded line (RFC 9112 5.2) puts line ends among it.
inline bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// `text` without the whitespace around it.
std::string_view Trim(std::string_view text);

/// Whether `text` is `lower` in any mix of case; `lower` is in lower case.
bool EqualsIgnoreCase(std::string_view text, std::string_view lower);

/// Cuts the next element off a comma separated list and trims it. Elements may be empty.
std::string_view NextListElement(std::string_view& list);

}  // namespace tlscope
