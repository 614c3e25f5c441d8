// SPDX-License-Identifier: Apache-2.0
#include "agent/status/shared_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace tlscope {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t kSecond = 1'000'000'000;

ProcessorStats Stats(std::uint64_t messages, std::uint64_t bytes) {
  ProcessorStats stats;
  stats.messages[1] = messages;
  stats.data_bytes = bytes;
  return stats;
}

TEST(SharedStatsTest, ShowsTheLatestNumbers) {
  SharedStats shared;
  EXPECT_EQ(MessagesOf(shared.processor()), 0U);
  shared.PublishProcessor(Stats(3, 30), kSecond);
  shared.PublishProcessor(Stats(4, 40), kSecond + 1);
  EXPECT_EQ(MessagesOf(shared.processor()), 4U);
  EXPECT_EQ(shared.processor().data_bytes, 40U);
  shared.PublishAttached({"/lib/libssl.so.3"}, {{7, "curl"}});
  EXPECT_THAT(shared.libraries(), ElementsAre("/lib/libssl.so.3"));
  EXPECT_THAT(shared.processes(), ElementsAre(SeenProcess{7, "curl"}));
}

TEST(SharedStatsTest, SaysNoRateBeforeASecondHasPassed) {
  SharedStats shared;
  EXPECT_EQ(shared.rates().messages_per_second, 0);
  shared.PublishProcessor(Stats(0, 0), kSecond);
  shared.PublishProcessor(Stats(100, 1000), 2 * kSecond - 1);
  EXPECT_EQ(shared.rates().messages_per_second, 0);
  shared.PublishProcessor(Stats(100, 1000), 2 * kSecond);
  EXPECT_EQ(shared.rates().messages_per_second, 100);
  EXPECT_EQ(shared.rates().bytes_per_second, 1000);
}

TEST(SharedStatsTest, ForgetsWhatWasLongAgo) {
  SharedStats shared;
  std::uint64_t messages = 0;
  for (std::uint64_t tenth = 0; tenth <= 200; ++tenth) {
    messages += tenth < 100 ? 1000 : 1;
    shared.PublishProcessor(Stats(messages, 0), kSecond + tenth * kSecond / 10);
  }
  EXPECT_DOUBLE_EQ(shared.rates().messages_per_second, 10);
}

// For the thread sanitizer: the processor's thread publishes while others read.
TEST(SharedStatsTest, IsReadWhileItIsWritten) {
  SharedStats shared;
  std::jthread writer([&](const std::stop_token& stop) {
    for (std::uint64_t n = 1; !stop.stop_requested(); ++n)
      shared.PublishProcessor(Stats(n, 2 * n), n * kSecond);
  });
  ProcessorStats seen;
  while (MessagesOf(seen) < 100) {
    seen = shared.processor();
    ASSERT_EQ(seen.data_bytes, 2 * MessagesOf(seen));
    ASSERT_GE(shared.rates().messages_per_second, 0);
  }
}

}  // namespace
}  // namespace tlscope
