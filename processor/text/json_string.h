// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tlscope {

/// Appends `text` as a string of JSON, quotes included. What is not UTF-8 becomes U+FFFD. Control
/// characters and all that ActsOnTerminal are escaped.
void AppendJsonString(std::string_view text, std::string& out);

/// Appends a member of an object, with a comma before it: `bytes` as text under `name` when all of
/// it is UTF-8, else in base64 under `<name>_base64`. Nothing when there are no bytes. `name` is
/// written as it is.
void AppendJsonBytes(std::string_view name, std::string_view bytes, std::string& out);

}  // namespace tlscope
