// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#ifdef __SANITIZE_ADDRESS__
#define TLSCOPE_UNDER_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TLSCOPE_UNDER_ASAN
#endif
#endif

namespace tlscope {

/// Whether what cannot be tested here is a failure.
inline bool HasToRun() {
  const char* const ci = std::getenv("CI");  // nobody sets it  NOLINT(concurrency-mt-unsafe)
  return ci != nullptr && std::string_view(ci) == "true";
}

}  // namespace tlscope

/// Ends a test that this machine cannot run: skipped, or failed where every test has to run.
#define TLSCOPE_LEAVE_OUT(reason)                \
  do {                                           \
    if (::tlscope::HasToRun()) FAIL() << reason; \
    GTEST_SKIP() << reason;                      \
  } while (false)

/// For tests of what only root can try.
#define TLSCOPE_NEEDS_ROOT()                                       \
  do {                                                             \
    if (geteuid() != 0) TLSCOPE_LEAVE_OUT("this test needs root"); \
  } while (false)
