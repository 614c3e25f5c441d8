// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace tlscope {

/// Bytes of the UTF-8 character (RFC 3629) that `bytes`, not empty, starts with; 0 when it starts
/// with none.
std::size_t Utf8CharacterBytes(std::string_view bytes);

/// Whether all of `bytes` is UTF-8.
bool IsUtf8(std::string_view bytes);

/// As much of `text`, UTF-8, as fits `max_bytes` and ends with a character.
std::string_view CutUtf8(std::string_view text, std::size_t max_bytes);

}  // namespace tlscope
