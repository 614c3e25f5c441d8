// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/cpu_changes.h"

#include <gtest/gtest.h>

namespace tlscope {
namespace {

using namespace std::string_view_literals;

TEST(CpuChangesTest, ReadsWhichCpuWentOrCame) {
  EXPECT_EQ(CpuOf("online@/devices/system/cpu/cpu1\0ACTION=online\0SEQNUM=7\0"sv), 1);
  EXPECT_EQ(CpuOf("offline@/devices/system/cpu/cpu255"), 255);
}

TEST(CpuChangesTest, PassesOverOtherMessages) {
  for (const std::string_view message :
       {"", "online@", "add@/devices/virtual/cpuid/cpu1", "remove@/devices/system/cpu/cpu1",
        "online@/devices/system/memory/memory3", "online@/devices/system/cpu/cpu",
        "online@/devices/system/cpu/cpu1/cache", "online@/devices/system/cpu/cpu99999999999"}) {
    EXPECT_EQ(CpuOf(message), std::nullopt) << message;
  }
}

TEST(CpuChangesTest, HasNothingToTellWhereNothingHappens) {
  CpuChanges changes;
  const auto cpus = changes.Take();
  if (cpus) {
    EXPECT_TRUE(cpus->empty());
  }
}

}  // namespace
}  // namespace tlscope
