// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope {

/// Bytes of the field `checksum` of a RecordingEntry, tag included.
inline constexpr std::size_t kEntryChecksumBytes = 6;

/// What the field holds in an entry whose other fields, as they are serialised, are `fields`: their
/// CRC-32 (RFC 1952 8).
std::uint32_t EntryChecksum(std::string_view fields);

/// Whether a serialised entry ends with the field, and it holds what it should.
bool EndsWithItsChecksum(std::string_view entry);

}  // namespace tlscope
