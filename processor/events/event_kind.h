// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tlscope/v1/events.pb.h"

namespace tlscope {

/// "message_decoded" or "MESSAGE_DECODED" as "MessageDecoded".
std::string CamelCase(std::string_view name);

/// "MessageDecoded"; its number for a kind that this program does not know.
std::string EventKindName(v1::EventKind kind);

/// The kind of that name, in any case, with underscores or without.
std::optional<v1::EventKind> EventKindNamed(std::string_view name);

/// All names, "a, b, c".
std::string EventKindNames();

}  // namespace tlscope
