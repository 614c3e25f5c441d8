// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "agent/elf/unwind_table.h"

namespace tlscope {

/// A program's bytes by virtual address, and where its functions begin and end. It may be hostile.
class CodeSource {
 public:
  virtual ~CodeSource() = default;

  /// Fills `out` with the code at `address`; how many bytes there are up to the end of that code.
  virtual std::size_t ReadCode(std::uint64_t address, std::span<std::uint8_t> out) const = 0;

  /// Fills `out` with constants at `address`; false when there are not so many.
  virtual bool ReadConstants(std::uint64_t address, std::span<std::uint8_t> out) const = 0;

  /// The function that `address` lies in, as the unwind information tells.
  virtual std::optional<CodeRange> FunctionAt(std::uint64_t address) const = 0;
};

}  // namespace tlscope
