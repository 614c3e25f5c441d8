// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/http2/frame.h"

namespace tlscope::http2 {

/// A frame that was read, its prefix and the first bytes of its payload if it is no stream's.
struct SeenFrame {
  const FrameHeader& header;
  std::uint32_t pad_bytes;
  std::uint32_t promised_stream;
  std::string_view payload;
};

/// The flags that are set, "END_STREAM|END_HEADERS"; those that mean nothing as a number; "-" for
/// none.
std::string FlagsText(const FrameHeader& frame);

/// What the frame says besides its header: settings, error codes, window increments. Empty where
/// there is nothing.
std::string DetailText(const SeenFrame& frame);

}  // namespace tlscope::http2
