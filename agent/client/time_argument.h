// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tlscope {

/// A point in time as a command line gives it, in nanoseconds since 1970 UTC: RFC 3339
/// (`2026-11-21T08:54:12.5Z`, `2026-11-21T09:54:12+01:00`), seconds since 1970 (`@1795251252`), or
/// from `now_unix_ns` on (`-5m`, `+1h`; ms, s, m, h, d). Nothing for anything else, and for times
/// before 1970.
std::optional<std::int64_t> ParseTime(std::string_view text, std::int64_t now_unix_ns);

}  // namespace tlscope
