// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/http2/frame.h"

namespace tlscope::http2 {

/// A frame that was read: what its prefix says, and where it carries neither data nor fields the
/// first bytes of its payload.
struct SeenFrame {
  const FrameHeader& header;
  std::uint32_t pad_bytes;
  std::uint32_t promised_stream;
  std::string_view payload;

  bool is_whole() const { return payload.size() == header.length; }
};

/// The flags that are set, "END_STREAM|END_HEADERS"; those that mean nothing as a number; "-" for
/// none.
std::string FlagsText(const FrameHeader& frame);

/// What the frame says besides its header: settings, error codes, window increments. Empty where
/// there is nothing.
std::string DetailText(const SeenFrame& frame);

}  // namespace tlscope::http2
