// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TLSCOPE_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define TLSCOPE_ADDRESS_SANITIZER
#endif

/// Begins a test that uses DescriptorLimit.
#ifdef TLSCOPE_ADDRESS_SANITIZER
#define TLSCOPE_NEEDS_DESCRIPTOR_LIMIT() \
  GTEST_SKIP() << "UBSan looks at an object's type through a pipe, which cannot be made here"
#else
#define TLSCOPE_NEEDS_DESCRIPTOR_LIMIT() static_cast<void>(0)
#endif

namespace tlscope::testing {

/// Leaves the process one descriptor that it may still get, for as long as this lives.
class DescriptorLimit {
 public:
  DescriptorLimit() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const int lowest_free = fcntl(0, F_DUPFD_CLOEXEC, 0);
    EXPECT_GE(lowest_free, 0);
    close(lowest_free);
    const rlimit tight{static_cast<rlim_t>(lowest_free) + 1, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  }
  ~DescriptorLimit() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace tlscope::testing
