// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tlscope {

/// How many bytes all the parsers of one thread may hold together, so that many large messages at
/// once cost bounded memory. Not thread-safe: one per thread.
class ByteBudget {
 public:
  explicit ByteBudget(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// Takes `bytes`, all or none. False when they are not to be had.
  [[nodiscard]] bool Take(std::uint64_t bytes) noexcept {
    if (bytes > limit_bytes_ - used_bytes_) return false;
    used_bytes_ += bytes;
    return true;
  }

  /// Gives back what Take took.
  void Give(std::uint64_t bytes) noexcept { used_bytes_ -= bytes; }

  std::uint64_t used_bytes() const noexcept { return used_bytes_; }

 private:
  std::uint64_t limit_bytes_;
  std::uint64_t used_bytes_ = 0;
};

}  // namespace tlscope
