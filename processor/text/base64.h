// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tlscope {

/// Appends `bytes` in base64 with padding (RFC 4648 4).
void AppendBase64(std::string_view bytes, std::string& out);

}  // namespace tlscope
