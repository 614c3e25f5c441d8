// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace tlscope {

/// What an .xz stream holds. nullopt when it is broken or holds more than `limit` bytes; takes no
/// more memory than that and what xz's strongest setting needs.
std::optional<std::vector<std::byte>> DecompressXz(std::span<const std::byte> compressed,
                                                   std::size_t limit);

}  // namespace tlscope
