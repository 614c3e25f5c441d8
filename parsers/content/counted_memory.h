// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "parsers/core/byte_budget.h"

namespace tlscope::content {

/// Memory for the state of a C library's decoder, taken from a ByteBudget. The library hands the
/// object back as its `opaque` pointer, so it must stay where it is.
class CountedMemory {
 public:
  explicit CountedMemory(ByteBudget& budget) : budget_(budget) {}
  CountedMemory(const CountedMemory&) = delete;
  CountedMemory& operator=(const CountedMemory&) = delete;

  /// Null when the budget or the process has no more.
  void* Allocate(std::size_t bytes) noexcept;
  /// Takes back what Allocate gave; null is nothing.
  void Free(void* memory) noexcept;

  std::uint64_t held_bytes() const noexcept { return held_bytes_; }

 private:
  ByteBudget& budget_;
  std::uint64_t held_bytes_ = 0;
};

}  // namespace tlscope::content
