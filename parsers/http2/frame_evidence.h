// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "parsers/http2/frame.h"

namespace tlscope::http2 {

/// A SETTINGS frame of more settings is not believed: there are ten or so.
inline constexpr std::uint32_t kSettingBytes = 6;
inline constexpr std::uint32_t kMaxSettings = 32;
/// HTTP_1_1_REQUIRED, the last of RFC 9113 7.
inline constexpr std::uint32_t kMaxErrorCode = 0xd;

/// What a check is worth that lets `allowed` of the values of a field of `width` bits pass: how
/// often random bytes pass it is 2 to the power of minus that, at most.
constexpr unsigned BitsGiven(unsigned width, std::uint64_t allowed) {
  return width - static_cast<unsigned>(std::bit_width(allowed - 1));
}

/// The checks of IsBelievable and IsPayloadBelievable, in bits.
struct Evidence {
  /// The type is the one that the other checks go by.
  unsigned type = BitsGiven(8, 1);
  /// RFC 9113 4.1: the bit before the stream is 0.
  unsigned reserved_bit = BitsGiven(1, 1);
  /// RFC 9113 4.2: no longer than a receiver takes that has not said otherwise; may be empty.
  unsigned any_length = BitsGiven(24, kDefaultMaxFrameBytes + 1);
  /// RFC 9113 6.3, 6.4, 6.7, 6.9: the length of the type.
  unsigned one_length = BitsGiven(24, 1);
  /// RFC 9113 6.5: so many times kSettingBytes, or none.
  unsigned settings_length = BitsGiven(24, kMaxSettings + 1);
  /// RFC 9113 6.5, 6.7, 6.8: on the connection, stream 0.
  unsigned connection_stream = BitsGiven(31, 1);
  /// On the stream of the frame before, which is not 0.
  unsigned same_stream = BitsGiven(31, 1);
  /// RFC 9113 7.
  unsigned error_code = BitsGiven(32, kMaxErrorCode + 1);
};
inline constexpr Evidence kEvidence;

/// The flags that a type defines (RFC 9113 6); every other bit is 0 in a believable frame.
std::uint8_t DefinedFlags(FrameType type);

/// Whether this can be a frame of a type that is known. `header`: the bytes it was read from.
bool IsBelievable(const FrameHeader& frame, std::string_view header);

/// The same of as much of the payload as has come.
bool IsPayloadBelievable(const FrameHeader& frame, std::string_view payload);
/// Whether IsPayloadBelievable can say more with more bytes.
bool HasCheckedPayload(FrameType type);

/// Whether these can be the settings of a frame of `length` bytes as far as they have come: none
/// has a value that is forbidden, and some are known if there are any.
bool AreSettings(std::string_view payload, std::uint32_t length, bool of_server);

/// How many bits of a believable frame are as they are because it is one: the sum of its kEvidence.
/// Of what zeros would pass, too, and of types that are extensions only the type counts.
unsigned GivenBits(const FrameHeader& frame, std::uint32_t last_stream);

}  // namespace tlscope::http2
