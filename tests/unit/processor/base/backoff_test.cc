// SPDX-License-Identifier: Apache-2.0
#include "processor/base/backoff.h"

#include <gtest/gtest.h>

namespace tlscope {
namespace {

TEST(BackoffTest, WaitsTwiceAsLongEachTimeUpToALimit) {
  using Milliseconds = std::chrono::milliseconds;
  for (std::uint32_t seed = 1; seed < 100; ++seed) {
    Backoff backoff(seed);
    for (int round = 0; round < 2; ++round) {
      for (const int longest : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
        const Milliseconds wait = backoff.Next();
        EXPECT_GE(wait, Milliseconds{longest / 2});
        EXPECT_LE(wait, Milliseconds{longest});
      }
      backoff.Reset();
    }
  }
}

}  // namespace
}  // namespace tlscope
