// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/process_roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tlscope {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

constexpr ProcessRoster::Time kStart{seconds(100)};

TEST(ProcessRosterTest, TakesAProcessOnce) {
  ProcessRoster roster;
  EXPECT_FALSE(roster.Renew(7, kStart));
  EXPECT_TRUE(roster.Add({7, "nginx"}, kStart));
  EXPECT_TRUE(roster.Renew(7, kStart));
  EXPECT_FALSE(roster.Add({7, "other"}, kStart));
  EXPECT_TRUE(roster.Add({3, "curl"}, kStart));
  EXPECT_THAT(roster.All(), ElementsAre(SeenProcess{3, "curl"}, SeenProcess{7, "nginx"}));
}

TEST(ProcessRosterTest, ForgetsThoseNotSeenByALook) {
  ProcessRoster roster;
  ASSERT_TRUE(roster.Add({1, "gone"}, kStart));
  ASSERT_TRUE(roster.Add({2, "stays"}, kStart));
  ASSERT_TRUE(roster.Renew(2, kStart + seconds(30)));
  ASSERT_TRUE(roster.Add({3, "new"}, kStart + seconds(31)));
  roster.ForgetUnseenSince(kStart + seconds(30));
  EXPECT_THAT(roster.All(), ElementsAre(SeenProcess{2, "stays"}, SeenProcess{3, "new"}));
  EXPECT_FALSE(roster.Renew(1, kStart + seconds(32)));
}

TEST(ProcessRosterTest, TellsWhenSomethingIsDifferent) {
  ProcessRoster roster;
  const auto empty = roster.version();
  ASSERT_TRUE(roster.Add({1, "a"}, kStart));
  const auto one = roster.version();
  EXPECT_NE(one, empty);
  ASSERT_TRUE(roster.Renew(1, kStart + seconds(1)));
  roster.ForgetUnseenSince(kStart + seconds(1));
  EXPECT_EQ(roster.version(), one);
  roster.ForgetUnseenSince(kStart + seconds(2));
  EXPECT_NE(roster.version(), one);
}

TEST(ProcessRosterTest, IsBounded) {
  ProcessRoster roster;
  for (std::uint32_t pid = 1; pid <= ProcessRoster::kMaxProcesses; ++pid)
    ASSERT_TRUE(roster.Add({pid, "a"}, kStart));
  EXPECT_FALSE(roster.Add({1U << 20, "one too many"}, kStart));
  EXPECT_EQ(roster.All().size(), ProcessRoster::kMaxProcesses);
}

}  // namespace
}  // namespace tlscope
