// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tlscope {

/// The digit of each value from 0 to 15, in lower case.
inline constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace tlscope
