// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tlscope {

/// Appends a JSON text (RFC 8259) laid out over lines, two spaces per level. Only white space
/// between tokens changes: numbers, escapes and the order and repetition of keys stay as they were
/// sent, which a library that reads the values would not keep. False, with `out` as it was, when
/// the brackets or strings do not match up or nest deeper than 256, or it would take more than 64
/// MiB: then it is not ours to lay out.
[[nodiscard]] bool AppendPrettyJson(std::string_view json, std::string& out);

}  // namespace tlscope
