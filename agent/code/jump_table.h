// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/code/code_source.h"

namespace tlscope {

/// Where the indirect jump goes that a compiler made of a `switch`. `addresses` are those of the
/// instructions that run up to it in a straight line, the jump last; nothing else leads among them.
/// Known are a table of distances from itself, indexed by a register, and one of addresses; both
/// behind a comparison of the index with the largest there is. Empty for any other jump. Whether
/// the places are ones that the function can have is for the caller to see. At most `entries_left`
/// entries are read, and are taken off it: files may be crafted.
std::vector<std::uint64_t> ReadJumpTable(const CodeSource& source,
                                         std::span<const std::uint64_t> addresses,
                                         std::size_t& entries_left);

}  // namespace tlscope
