// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

namespace tlscope {

/// Far more than anything that is waited for takes: only a failure lasts so long.
inline constexpr std::chrono::seconds kAwaitDeadline{30};

/// Waits on the test's thread until `condition()` is true, which another thread or process brings
/// about. At the deadline the test fails, says `what` it waited for, and ends: what follows would
/// only fail, too. `file` and `line` are the caller's.
template <class Condition>
void AwaitFor(const std::string& what, const Condition& condition,
              const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const auto deadline = std::chrono::steady_clock::now() + kAwaitDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      const std::string failure =
          "waited " + std::to_string(kAwaitDeadline.count()) + " s for " + what;
      ADD_FAILURE_AT(file, line) << failure;
      throw ::testing::AssertionException(::testing::TestPartResult(
          ::testing::TestPartResult::kFatalFailure, file, line, failure.c_str()));
    }
    std::this_thread::yield();
  }
}

}  // namespace tlscope
