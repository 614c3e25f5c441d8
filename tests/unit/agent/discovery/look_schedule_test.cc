// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/look_schedule.h"

#include <gtest/gtest.h>

#include <optional>

namespace tlscope {
namespace {

using namespace std::chrono_literals;

const LookSchedule::Time kStart = LookSchedule::Time() + 1h;

TEST(LookScheduleTest, LooksEveryThirtySecondsWhereNothingHappens) {
  const LookSchedule schedule(kStart, std::nullopt);
  EXPECT_FALSE(schedule.Due(kStart + 30s - 1ns));
  EXPECT_TRUE(schedule.Due(kStart + 30s));
}

TEST(LookScheduleTest, SaysHowLongItIsRoundedUp) {
  const LookSchedule schedule(kStart, std::nullopt);
  EXPECT_EQ(schedule.Until(kStart), 30s);
  EXPECT_EQ(schedule.Until(kStart + 30s - 1ns), 1ms) << "a poll of 0 ms would spin";
  EXPECT_EQ(schedule.Until(kStart + 30s), 0ms);
  EXPECT_EQ(schedule.Until(kStart + 1h), 0ms);
}

TEST(LookScheduleTest, LooksTwiceWhileALibraryMayGoUnused) {
  EXPECT_EQ(LookSchedule(kStart, 4s).Until(kStart), 2s);
  EXPECT_EQ(LookSchedule(kStart, 1h).Until(kStart), 30s);
  EXPECT_EQ(LookSchedule(kStart, 10ms).Until(kStart), 500ms) << "the least between two looks";
}

TEST(LookScheduleTest, LooksSoonAfterReportsWereLost) {
  LookSchedule schedule(kStart, std::nullopt);
  schedule.OnIncomplete(kStart + 100ms);
  EXPECT_EQ(schedule.Until(kStart), 500ms);
  schedule.OnLooked(kStart + 1s, 0s, std::nullopt);
  EXPECT_EQ(schedule.Until(kStart + 1s), 30s);
  schedule.OnIncomplete(kStart + 10s);
  EXPECT_TRUE(schedule.Due(kStart + 10s));
}

TEST(LookScheduleTest, TakesAtMostAFiftiethOfACpuForLooks) {
  LookSchedule schedule(kStart, 1s);
  schedule.OnLooked(kStart, 2s, 1s);
  EXPECT_EQ(schedule.Until(kStart), 100s);
  schedule.OnIncomplete(kStart + 1s);
  EXPECT_EQ(schedule.Until(kStart), 100s) << "whatever is lost meanwhile";
  schedule.OnSettings(kStart + 1s, 1s);
  EXPECT_EQ(schedule.Until(kStart), 100s);
}

TEST(LookScheduleTest, LooksEarlierWhenLibrariesAreToBeLeftEarlier) {
  LookSchedule schedule(kStart, std::nullopt);
  schedule.OnSettings(kStart + 5s, 2s);
  EXPECT_EQ(schedule.Until(kStart + 5s), 1s);
  schedule.OnSettings(kStart + 5s, std::nullopt);
  EXPECT_EQ(schedule.Until(kStart + 5s), 1s) << "what is due stays due";
}

}  // namespace
}  // namespace tlscope
