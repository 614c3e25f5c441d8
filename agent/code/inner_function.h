// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "agent/code/code_point.h"
#include "agent/code/ways.h"

namespace tlscope {

/// Finds the function that two public ones, such as SSL_read and SSL_read_ex, both leave the work
/// to and which takes what `ex` takes: a probe there sees the calls of both, and those of others
/// inside the library. Each must call it in one place; `ex`, whose calls are of `shape`, with all
/// of its arguments as it got them, `plain` with its first two, and with the address of something
/// on its stack for how much was moved.
std::optional<std::uint64_t> FindInnerFunction(const DecodedFunction& plain,
                                               const DecodedFunction& ex, const CallShape& shape);

}  // namespace tlscope
