// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tlscope {

/// Whether `name` may name an agent: 1 to 64 of the characters A-Z a-z 0-9 . _ - and no dot first.
bool IsInstanceName(std::string_view name);

}  // namespace tlscope
