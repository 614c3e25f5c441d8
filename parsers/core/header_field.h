// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tlscope {

/// The value of the first field called `name` (in any case) among the lines of Message::head or
/// Message::trailers, without the white space around it (RFC 9110 5.1, 5.5). Empty when there is
/// none. A pseudo-header of HTTP/2 is found by its name with the colon, ":authority".
std::string_view FindField(std::string_view lines, std::string_view name);

/// Which host a request's `head` names, port included: `:authority`, or `Host`.
std::string_view FindHost(std::string_view head);

}  // namespace tlscope
