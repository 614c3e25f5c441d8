// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace tlscope {

/// How long to wait before each new try: twice as long each time, up to a limit, and up to half of
/// that less by chance, so that many who lost the same thing do not come back all at once.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  explicit Backoff(std::uint32_t seed, Milliseconds first = Milliseconds{100},
                   Milliseconds limit = Milliseconds{5'000})
      : first_(first), limit_(limit), next_(first), random_(seed) {}

  Milliseconds Next() {
    const Milliseconds longest = next_;
    next_ = std::min(2 * next_, limit_);
    std::uniform_int_distribution<Milliseconds::rep> spread(0, longest.count() / 2);
    return longest - Milliseconds{spread(random_)};
  }

  /// It worked.
  void Reset() { next_ = first_; }

 private:
  const Milliseconds first_;
  const Milliseconds limit_;
  Milliseconds next_;
  std::minstd_rand random_;
};

}  // namespace tlscope
