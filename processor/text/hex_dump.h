// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tlscope {

/// Appends `bytes` in the layout of `hexdump -C`, without its last offset line and without leaving
/// out repetitions. `offset` is the first byte's. Lines are separated, not ended, by newlines.
void AppendHexDump(std::string_view bytes, std::uint64_t offset, std::string& out);

}  // namespace tlscope
