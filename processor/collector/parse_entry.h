// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "tlscope/v1/output.pb.h"

namespace tlscope {

/// Parts of an entry that may be there any number of times: elements of repeated fields, and fields
/// that are not known. No agent comes near: most are the protocols that a ClientHello offers, of
/// which 65535 bytes (RFC 7301 3.1) hold 32,767.
inline constexpr std::size_t kMaxEntryParts = 65'536;

/// Reads an entry that others have sent. False when it is none, or has more than kMaxEntryParts
/// parts: a part that takes two bytes to send may take a hundred to hold. Any thread.
[[nodiscard]] bool ParseEntry(std::string_view bytes, v1::LogEntry& entry);

}  // namespace tlscope
