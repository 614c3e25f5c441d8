// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "parsers/core/stream_parser.h"

namespace tlscope::http2 {

/// A client's first bytes: the preface (RFC 9113 3.4).
Detection DetectClient(std::string_view bytes);

/// A server's first bytes: a SETTINGS frame (RFC 9113 3.4) that is no acknowledgement and sets what
/// a server may set to values that are allowed.
Detection DetectServer(std::string_view bytes);

/// A connection joined late: a run of believable frames, the first at the first byte. Frames are
/// believed when together they could hardly be something else: each gives some bits of evidence
/// (see frame_evidence.h), and the run matches once there are kEnoughBits, or at a whole HEADERS
/// frame that is valid HPACK with a pseudo-field first.
///
/// Chance of a match in random bytes: below 2^-37 by a HEADERS frame, below 2^-47 by bits.
Detection DetectRun(std::string_view bytes);

/// The same, and a number of bytes: of kMatch how many made it one, of kNeedMore how many may tell
/// more; less will not.
struct FrameRun {
  Detection detection;
  std::size_t bytes;
};
FrameRun FindRun(std::string_view bytes);

/// Two DATA frames with content are enough, of whatever streams, and so is one SETTINGS, PING,
/// GOAWAY or RST_STREAM.
inline constexpr unsigned kEnoughBits = 48;

}  // namespace tlscope::http2
