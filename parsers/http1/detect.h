// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "parsers/core/stream_parser.h"

namespace tlscope::http1 {

/// A direction that begins with an HTTP/1.x request line, at most two empty lines before it. Known
/// methods match at "GET /", any other at " HTTP/1."; targets are looked at for 4096 bytes at most.
/// HTTP/2's preface (RFC 9113 3.4) does not match.
Detection DetectRequest(std::string_view bytes);

/// A direction that begins with "HTTP/1.", a digit, a space and three digits (RFC 9112 4).
Detection DetectResponse(std::string_view bytes);

}  // namespace tlscope::http1
