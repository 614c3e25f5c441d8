// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace tlscope {

/// Bytes of the UTF-8 character (RFC 3629) that `bytes`, not empty, starts with; 0 when it starts
/// with none.
std::size_t Utf8CharacterBytes(std::string_view bytes);

/// Whether that character, which is beyond ASCII, acts on a terminal instead of being shown: C1
/// controls (U+0080 to U+009F), and what shows text in another order than it has (UAX #9 2: U+202A
/// to U+202E, U+2066 to U+2069). `bytes` starts with one.
bool ActsOnTerminal(std::string_view bytes);

/// Whether all of `bytes` is UTF-8.
bool IsUtf8(std::string_view bytes);

/// As much of `text`, UTF-8, as fits `max_bytes` and ends with a character.
std::string_view CutUtf8(std::string_view text, std::size_t max_bytes);

}  // namespace tlscope
