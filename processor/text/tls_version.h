// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace tlscope {

/// Appends the name that OpenSSL gives a version (SSL_get_version(3)), or `0x7f1c`.
void AppendTlsVersion(std::uint16_t version, std::string& out);

}  // namespace tlscope
