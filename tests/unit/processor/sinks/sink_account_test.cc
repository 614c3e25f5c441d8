// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/sink_account.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "tests/unit/await.h"
#include "tests/unit/processor/sinks/sink_expectations.h"

namespace tlscope {
namespace {

using Fate = SinkAccount::Fate;

TEST(SinkAccountTest, BalancesAfterEveryFate) {
  SinkAccount account;
  std::uint64_t bytes = 1;
  for (const Fate fate : {Fate::kWritten, Fate::kAcknowledged, Fate::kDroppedFull,
                          Fate::kDroppedFailed, Fate::kUnconfirmed}) {
    account.Taken(bytes);
    ExpectBalanced(account.stats());
    EXPECT_EQ(account.queued_blocks(), 1U);
    EXPECT_EQ(account.queued_bytes(), bytes);
    account.Settle(fate, bytes);
    ExpectBalanced(account.stats());
    EXPECT_EQ(account.queued_blocks(), 0U);
    bytes *= 10;
  }
  const SinkStats& stats = account.stats();
  EXPECT_EQ(stats.pushed_blocks, 5U);
  EXPECT_EQ(stats.written_bytes, 11U);
  EXPECT_EQ(stats.acknowledged_bytes, 10U);
  EXPECT_EQ(stats.dropped_full_bytes, 100U);
  EXPECT_EQ(stats.dropped_failed_bytes, 11000U);
  EXPECT_EQ(stats.unconfirmed_bytes, 10000U);
}

TEST(SinkAccountTest, CountsARefusedBlockAsPushed) {
  SinkAccount account;
  account.RefusedFull(10);
  account.RefusedClosed(200);
  EXPECT_EQ(account.stats().pushed_bytes, 210U);
  EXPECT_EQ(account.stats().dropped_full_bytes, 10U);
  EXPECT_EQ(account.stats().dropped_closed_bytes, 200U);
  EXPECT_EQ(account.queued_blocks(), 0U);
  ExpectBalanced(account.stats());
}

TEST(SinkAccountTest, SettlesAllThatIsQueued) {
  SinkAccount account;
  account.Taken(1);
  account.Taken(2);
  account.SettleAll(Fate::kUnconfirmed);
  EXPECT_EQ(account.stats().unconfirmed_blocks, 2U);
  EXPECT_EQ(account.stats().dropped_failed_bytes, 3U);
  EXPECT_EQ(account.queued_bytes(), 0U);
  ExpectBalanced(account.stats());
}

TEST(SinkAccountTest, TellsOnceOfWhatHadNoRoom) {
  const DropMarker marker = [](std::uint64_t blocks, std::uint64_t bytes) {
    return std::to_string(blocks) + ':' + std::to_string(bytes);
  };
  SinkAccount account;
  EXPECT_EQ(account.TakeMarker(marker), "");
  account.RefusedFull(1);
  account.RefusedFull(20);
  account.RefusedClosed(300);
  EXPECT_EQ(account.TakeMarker(marker), "2:21");
  EXPECT_EQ(account.TakeMarker(marker), "");
  account.RefusedFull(4);
  EXPECT_EQ(account.TakeMarker({}), "");
  EXPECT_EQ(account.TakeRefused().blocks, 0U);
}

TEST(SinkAccountTest, CountsThoseWhoWait) {
  SinkAccount account;
  std::mutex mutex;
  std::condition_variable room;
  bool done = false;
  const auto waiting = [&] {
    const std::lock_guard lock(mutex);
    return account.stats().waiting;
  };
  auto waits = std::async(std::launch::async, [&] {
    std::unique_lock lock(mutex);
    account.Await(room, lock, [&] { return done; });
  });
  AwaitFor("somebody who waits", [&] { return waiting() == 1; });
  {
    const std::lock_guard lock(mutex);
    done = true;
  }
  room.notify_all();
  waits.get();
  EXPECT_EQ(waiting(), 0U);
}

}  // namespace
}  // namespace tlscope
