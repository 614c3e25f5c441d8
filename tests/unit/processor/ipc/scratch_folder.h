// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tlscope::testing {

/// A folder of the test's own, gone with it.
class ScratchFolder {
 public:
  ScratchFolder() : path_(::testing::TempDir() + "tlscope-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Whether what cannot be tested here is a failure.
inline bool HasToRun() {
  const char* const ci = std::getenv("CI");  // nobody sets it  NOLINT(concurrency-mt-unsafe)
  return ci != nullptr && std::string(ci) == "true";
}

/// For tests of what only root can try. Where they have to run, not to be root is a failure.
#define TLSCOPE_NEEDS_ROOT()                                              \
  do {                                                                    \
    if (geteuid() == 0) break;                                            \
    if (::tlscope::testing::HasToRun()) FAIL() << "this test needs root"; \
    GTEST_SKIP() << "this test needs root";                               \
  } while (false)

}  // namespace tlscope::testing
