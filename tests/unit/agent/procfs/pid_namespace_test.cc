// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/pid_namespace.h"

#include <gtest/gtest.h>

namespace tlscope {
namespace {

TEST(PidNamespaceTest, CountsTheNumbersOfAProcess) {
  EXPECT_EQ(NumbersIn("Name:\tx\nPid:\t12\nNSpid:\t12\nNSpgid:\t12\t3\n"), 1);
  EXPECT_EQ(NumbersIn("Name:\tx\nNSpid:\t4711\t12\t1\nNSpgid:\t1\n"), 3);
  EXPECT_EQ(NumbersIn("Name:\tx\nNSpid:\t4711\t12"), 2);
}

TEST(PidNamespaceTest, KnowsKernelsThatDoNotTell) {
  EXPECT_EQ(NumbersIn(""), 0);
  EXPECT_EQ(NumbersIn("Name:\tNSpid:\nPid:\t12\n"), 0);
}

}  // namespace
}  // namespace tlscope
