// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/process_filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tlscope {
namespace {

TEST(ProcessFiltersTest, ReadsTheParentBehindWhateverNameAProcessHas) {
  EXPECT_EQ(ParentIn("42 (curl) S 7 42 42 0 -1"), 7U);
  EXPECT_EQ(ParentIn("42 (a) S 1 (b) c) R 4194304 42"), 4194304U);
  EXPECT_EQ(ParentIn("1 (init) S 0 1 1"), 0U);
  EXPECT_EQ(ParentIn(""), 0U);
  EXPECT_EQ(ParentIn("42 (curl) S"), 0U);
  EXPECT_EQ(ParentIn("42 (curl) S x 1"), 0U);
  EXPECT_EQ(ParentIn("42 (curl) S 99999999999 1"), 0U);
}

TEST(ProcessFiltersTest, FindsTheChildrenOfAProcessAndNotItself) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  EXPECT_THAT(DescendantsOf({static_cast<std::uint32_t>(getpid())}),
              testing::ElementsAre(static_cast<std::uint32_t>(child)));
  EXPECT_THAT(DescendantsOf({static_cast<std::uint32_t>(child)}), testing::IsEmpty());
  EXPECT_THAT(DescendantsOf({}), testing::IsEmpty());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST(ProcessFiltersTest, RefusesWhatIsNoControlGroup) {
  const auto id = CgroupId("/proc/self");
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, Errc::kUsage);
  EXPECT_THAT(id.error().Describe(), testing::HasSubstr("cannot watch control group /proc/self"));
}

}  // namespace
}  // namespace tlscope
