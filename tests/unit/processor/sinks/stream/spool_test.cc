// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/stream/spool.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <future>
#include <string>

#include "tests/unit/processor/sinks/sink_expectations.h"

namespace tlscope {
namespace {

constexpr std::size_t kAny = std::size_t{1} << 20;

std::string Gathered(Spool& spool, std::size_t max_parts = 64, std::size_t max_bytes = kAny) {
  std::vector<std::string_view> parts;
  spool.Gather(parts, max_parts, max_bytes);
  std::string bytes;
  for (const std::string_view part : parts) bytes += part;
  return bytes;
}

/// Sends everything that waits.
std::string SendAll(Spool& spool) {
  std::string all;
  for (std::string bytes = Gathered(spool); !bytes.empty(); bytes = Gathered(spool)) {
    all += bytes;
    spool.Sent(bytes.size());
  }
  return all;
}

bool Take(Spool& spool, const std::string& block) {
  return spool.Push(block) != Spool::Pushed::kRefused;
}

TEST(SpoolTest, GivesAwayWhatIsSentToAPeerThatDoesNotAcknowledge) {
  Spool spool({});
  EXPECT_EQ(spool.BeginConnection(), 1U);
  EXPECT_TRUE(Take(spool, "one"));
  EXPECT_TRUE(Take(spool, "two"));
  EXPECT_EQ(Gathered(spool), "onetwo");
  spool.Sent(4);
  EXPECT_EQ(spool.stats().written_blocks, 1U);
  EXPECT_EQ(spool.stats().queued_blocks, 1U);
  EXPECT_EQ(Gathered(spool), "wo");
  spool.Sent(2);
  EXPECT_TRUE(spool.Empty());
  EXPECT_EQ(spool.stats().written_bytes, 6U);
  EXPECT_EQ(spool.stats().acknowledged_blocks, 0U);
  EXPECT_EQ(spool.BeginConnection(), 3U);
  ExpectBalanced(spool.stats());
}

TEST(SpoolTest, SendsABlockThatWasCutOffAgainWholeAndNoneBeforeIt) {
  // Both in one chunk, and each in its own.
  for (const bool apart : {false, true}) {
    SCOPED_TRACE(apart);
    Spool spool({});
    static_cast<void>(spool.BeginConnection());
    EXPECT_TRUE(Take(spool, "one"));
    if (apart) {
      EXPECT_EQ(Gathered(spool), "one");
    }
    EXPECT_TRUE(Take(spool, "two"));
    static_cast<void>(Gathered(spool));
    spool.Sent(5);
    EXPECT_EQ(spool.BeginConnection(), 2U);
    EXPECT_EQ(SendAll(spool), "two");
    EXPECT_EQ(spool.stats().written_blocks, 2U);
    EXPECT_EQ(spool.stats().resent_blocks, 0U);
    ExpectBalanced(spool.stats());
  }
}

TEST(SpoolTest, KeepsWhatIsSentUntilItIsAcknowledgedAndSendsItAgain) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  for (const char* block : {"1", "22", "333", "4444"}) EXPECT_TRUE(Take(spool, block));
  EXPECT_EQ(SendAll(spool), "1223334444");
  EXPECT_EQ(spool.stats().unacknowledged_blocks, 4U);
  EXPECT_EQ(spool.stats().queued_bytes, 10U);
  EXPECT_EQ(spool.stats().written_blocks, 0U);
  EXPECT_TRUE(spool.Acknowledge(2));
  EXPECT_EQ(spool.stats().acknowledged_bytes, 3U);
  EXPECT_EQ(spool.stats().unacknowledged_bytes, 7U);
  EXPECT_EQ(spool.BeginConnection(), 3U);
  EXPECT_EQ(spool.stats().unacknowledged_blocks, 0U);
  EXPECT_EQ(SendAll(spool), "3334444");
  EXPECT_EQ(spool.stats().resent_blocks, 2U);
  EXPECT_TRUE(spool.Acknowledge(4));
  EXPECT_TRUE(spool.Empty());
  EXPECT_EQ(spool.stats().acknowledged_blocks, 4U);
  ExpectBalanced(spool.stats());
}

TEST(SpoolTest, DoesNotSendAgainWhatThePeerSaysItHas) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  for (const char* block : {"1", "22", "333"}) EXPECT_TRUE(Take(spool, block));
  SendAll(spool);
  EXPECT_EQ(spool.BeginConnection(), 1U);
  EXPECT_TRUE(spool.Acknowledge(2));
  EXPECT_EQ(SendAll(spool), "333");
  EXPECT_EQ(spool.stats().resent_blocks, 1U);
  EXPECT_TRUE(spool.Acknowledge(3));
  EXPECT_TRUE(spool.Empty());
}

TEST(SpoolTest, EndsABlockThatIsAcknowledgedInTheMiddle) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  EXPECT_TRUE(Take(spool, "first"));
  EXPECT_TRUE(Take(spool, "second"));
  SendAll(spool);
  static_cast<void>(spool.BeginConnection());
  static_cast<void>(Gathered(spool));
  spool.Sent(7);
  EXPECT_TRUE(spool.Acknowledge(2));
  EXPECT_EQ(spool.stats().acknowledged_blocks, 1U);
  std::vector<std::string_view> parts;
  ASSERT_TRUE(spool.GatherRestOfBlock(parts));
  EXPECT_EQ(parts.front(), "cond");
  spool.Sent(4);
  EXPECT_FALSE(spool.GatherRestOfBlock(parts));
  EXPECT_TRUE(spool.Empty());
  EXPECT_EQ(spool.stats().acknowledged_blocks, 2U);
}

TEST(SpoolTest, DoesNotFreeWhatIsBeingWritten) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  const std::string block(100, 'b');
  EXPECT_TRUE(Take(spool, block));
  std::vector<std::string_view> parts;
  spool.Gather(parts, 64, kAny);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_TRUE(spool.Acknowledge(1));
  // Nor is it moved by what comes.
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(Take(spool, block));
  EXPECT_EQ(parts.front(), block);
  EXPECT_EQ(spool.stats().acknowledged_blocks, 0U);
  spool.Sent(block.size());
  EXPECT_EQ(spool.stats().acknowledged_blocks, 1U);
}

TEST(SpoolTest, RefusesAnAcknowledgementOfWhatWasNeverSent) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  EXPECT_TRUE(spool.Acknowledge(0));
  EXPECT_FALSE(spool.Acknowledge(1));
  EXPECT_TRUE(Take(spool, "one"));
  EXPECT_FALSE(spool.Acknowledge(1));
  SendAll(spool);
  EXPECT_FALSE(spool.Acknowledge(2));
  EXPECT_TRUE(spool.Acknowledge(1));
}

TEST(SpoolTest, CountsRefusedBlocksInTheSequences) {
  Spool spool({.bytes = 2 * Spool::kBlockOverheadBytes + 20});
  spool.KeepSent();
  EXPECT_TRUE(Take(spool, std::string(10, '1')));
  EXPECT_TRUE(Take(spool, std::string(10, '2')));
  EXPECT_FALSE(Take(spool, "3"));
  EXPECT_EQ(spool.BeginConnection(), 1U);
  SendAll(spool);
  // Still full: what is sent is not acknowledged.
  EXPECT_FALSE(Take(spool, "4"));
  EXPECT_TRUE(spool.Acknowledge(2));
  EXPECT_TRUE(Take(spool, "5"));
  EXPECT_EQ(spool.BeginConnection(), 5U);
  // The peer has learned that 3 and 4 will never come.
  EXPECT_TRUE(spool.Acknowledge(4));
  EXPECT_EQ(SendAll(spool), "5");
  const SinkStats stats = spool.stats();
  EXPECT_EQ(stats.dropped_full_blocks, 2U);
  EXPECT_EQ(stats.dropped_full_bytes, 2U);
  ExpectBalanced(stats);
}

TEST(SpoolTest, TakesABlockLargerThanItselfWhenItIsEmpty) {
  Spool spool({.bytes = 100});
  static_cast<void>(spool.BeginConnection());
  const std::string large(1000, 'L');
  EXPECT_TRUE(Take(spool, large));
  EXPECT_FALSE(Take(spool, "x"));
  // In pieces, each sent before the next.
  std::string sent;
  while (!spool.Empty()) {
    const std::string bytes = Gathered(spool, 64, 300);
    EXPECT_LE(bytes.size(), 300U);
    sent += bytes;
    spool.Sent(bytes.size());
  }
  EXPECT_EQ(sent, large);
  EXPECT_TRUE(Take(spool, "x"));
}

TEST(SpoolTest, GathersInOrderWithinTheLimits) {
  Spool spool({});
  static_cast<void>(spool.BeginConnection());
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const std::string block(10'000, static_cast<char>('a' + i));
    expected += block;
    EXPECT_TRUE(Take(spool, block));
  }
  EXPECT_EQ(Gathered(spool, 3), expected.substr(0, 30'000));
  EXPECT_EQ(Gathered(spool, 64, 25'000), expected.substr(0, 20'000));
  EXPECT_EQ(SendAll(spool), expected);
}

TEST(SpoolTest, GivesUpBlocksThatThePeerDoesNotTake) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  spool.LimitBlocks(10'000);
  const std::string limit(10'000, 'l');
  const std::string large(10'001, 'x');
  EXPECT_TRUE(Take(spool, large));
  EXPECT_TRUE(Take(spool, "2"));
  EXPECT_TRUE(Take(spool, large));
  EXPECT_TRUE(Take(spool, limit));
  EXPECT_TRUE(Take(spool, large));
  EXPECT_TRUE(SendAll(spool) == "2" + limit);
  EXPECT_EQ(spool.stats().dropped_failed_blocks, 3U);
  EXPECT_EQ(spool.stats().unacknowledged_blocks, 2U);
  EXPECT_TRUE(spool.Acknowledge(4));
  EXPECT_TRUE(spool.Empty());
  ExpectBalanced(spool.stats());
}

TEST(SpoolTest, GivingUpTheLastBlockEndsTheWaitForIt) {
  constexpr std::uint64_t kBlocks = 1'000;
  Spool spool({.bytes = 1'000, .when_full = WhenFull::kWait});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  spool.LimitBlocks(10'000);
  auto pushed = std::async(std::launch::async, [&] {
    // There is room for one at a time.
    for (std::uint64_t i = 0; i < kBlocks; ++i) EXPECT_TRUE(Take(spool, std::string(10'001, 'x')));
    spool.AwaitEmpty();
  });
  while (spool.stats().dropped_failed_blocks < kBlocks) EXPECT_EQ(Gathered(spool), "");
  pushed.get();
  ExpectBalanced(spool.stats());
}

TEST(SpoolTest, CountsABlockThatWasSentBeforeThePeerSaidThatItIsTooLarge) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  EXPECT_TRUE(Take(spool, std::string(10'001, 'x')));
  SendAll(spool);
  static_cast<void>(spool.BeginConnection());
  spool.LimitBlocks(10'000);
  EXPECT_EQ(SendAll(spool), "");
  const SinkStats stats = spool.stats();
  EXPECT_EQ(stats.dropped_failed_blocks, 1U);
  EXPECT_EQ(stats.unconfirmed_blocks, 1U);
  EXPECT_EQ(stats.unconfirmed_bytes, 10'001U);
  EXPECT_EQ(stats.unacknowledged_blocks, 0U);
  ExpectBalanced(stats);
}

TEST(SpoolTest, HoldsNoMoreMemoryThanItCounts) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  const std::string block(100, 'b');
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Take(spool, block));
  std::vector<std::string_view> parts;
  spool.Gather(parts, 64, kAny);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_LT(malloc_usable_size(const_cast<char*>(parts.front().data())), 4 * block.size());
}

TEST(SpoolTest, MarksWhereBlocksWereRefused) {
  const auto marker = [](std::uint64_t blocks, std::uint64_t bytes) {
    return "[" + std::to_string(blocks) + ":" + std::to_string(bytes) + "]";
  };
  Spool spool({.bytes = Spool::kBlockOverheadBytes + 1, .marker = marker});
  static_cast<void>(spool.BeginConnection());
  EXPECT_TRUE(Take(spool, "1"));
  EXPECT_FALSE(Take(spool, "22"));
  EXPECT_FALSE(Take(spool, "333"));
  EXPECT_EQ(SendAll(spool), "1");
  EXPECT_TRUE(Take(spool, "4"));
  EXPECT_FALSE(Take(spool, "55555"));
  spool.Close();
  EXPECT_FALSE(Take(spool, "6"));
  EXPECT_EQ(SendAll(spool), "[2:5]4[1:5]");
  const SinkStats stats = spool.stats();
  EXPECT_EQ(stats.written_blocks, 2U);
  EXPECT_EQ(stats.written_bytes, 2U);
  EXPECT_EQ(stats.dropped_closed_blocks, 1U);
  EXPECT_TRUE(spool.Empty());
  ExpectBalanced(stats);
}

TEST(SpoolTest, CountsWhatIsGivenUpAndWhatOfItThePeerMayHave) {
  Spool spool({});
  spool.KeepSent();
  static_cast<void>(spool.BeginConnection());
  for (const char* block : {"1", "22", "333"}) EXPECT_TRUE(Take(spool, block));
  static_cast<void>(Gathered(spool));
  spool.Sent(4);
  EXPECT_TRUE(spool.Acknowledge(1));
  static_cast<void>(spool.BeginConnection());
  spool.DropAll();
  const SinkStats stats = spool.stats();
  EXPECT_EQ(stats.dropped_failed_blocks, 2U);
  EXPECT_EQ(stats.dropped_failed_bytes, 5U);
  EXPECT_EQ(stats.unconfirmed_blocks, 1U);
  EXPECT_EQ(stats.unconfirmed_bytes, 2U);
  EXPECT_EQ(stats.queued_blocks, 0U);
  ExpectBalanced(stats);
}

TEST(SpoolTest, TellsTheSenderOnceAndOnlyWhenItWaits) {
  Spool spool({});
  static_cast<void>(spool.BeginConnection());
  EXPECT_EQ(spool.Push("busy"), Spool::Pushed::kTaken);
  EXPECT_FALSE(spool.StartWait(Spool::Wait::kForAny));
  SendAll(spool);
  EXPECT_TRUE(spool.StartWait(Spool::Wait::kForAny));
  EXPECT_EQ(spool.Push("first"), Spool::Pushed::kTakenWake);
  EXPECT_EQ(spool.Push("second"), Spool::Pushed::kTaken);
  EXPECT_TRUE(spool.StartWait(Spool::Wait::kForCompany));
  EXPECT_EQ(spool.Push("third"), Spool::Pushed::kTaken);
  EXPECT_EQ(spool.Push(std::string(Spool::kBatchBytes, 'x')), Spool::Pushed::kTakenWake);
  EXPECT_FALSE(spool.StartWait(Spool::Wait::kForCompany));
}

TEST(SpoolTest, TakesAnEmptyBlockForNone) {
  Spool spool({});
  EXPECT_EQ(spool.Push(""), Spool::Pushed::kTaken);
  EXPECT_EQ(spool.stats().pushed_blocks, 0U);
  EXPECT_EQ(spool.BeginConnection(), 1U);
}

}  // namespace
}  // namespace tlscope
