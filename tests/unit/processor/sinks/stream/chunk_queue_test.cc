// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/stream/chunk_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tlscope {
namespace {

const std::string kLarge(ChunkQueue::kJoinBytes + 1, 'L');

/// The bytes from `offset` on, chunk by chunk.
std::vector<std::string> ChunksFrom(ChunkQueue& queue, ChunkQueue::Offset offset) {
  std::vector<std::string> chunks;
  for (std::string_view bytes = queue.HandOut(offset); !bytes.empty();
       bytes = queue.HandOut(offset)) {
    chunks.emplace_back(bytes);
    offset += bytes.size();
  }
  return chunks;
}

TEST(ChunkQueueTest, FindsTheBlockOfEveryByte) {
  ChunkQueue queue;
  std::vector<ChunkQueue::Item> items;
  std::uint64_t sequence = 0;
  for (const std::string& block :
       {std::string("one"), std::string("2"), kLarge, std::string("x")}) {
    ++sequence;
    items.push_back({queue.end(), queue.end() + block.size(), sequence});
    queue.AppendBlock(std::string(block), sequence);
    if (sequence == 2) {
      items.push_back({queue.end(), queue.end() + 6, 0});
      queue.AppendMarker("marker");
    }
  }
  for (const ChunkQueue::Item& item : items) {
    for (ChunkQueue::Offset offset = item.begin; offset < item.end; ++offset) {
      const auto found = queue.At(offset);
      ASSERT_TRUE(found) << offset;
      EXPECT_EQ(found->begin, item.begin);
      EXPECT_EQ(found->end, item.end);
      EXPECT_EQ(found->sequence, item.sequence);
    }
  }
  EXPECT_FALSE(queue.At(queue.end()));
}

TEST(ChunkQueueTest, PutsSmallBlocksTogetherAndOthersApart) {
  ChunkQueue queue;
  queue.AppendBlock("one", 1);
  queue.AppendBlock("two", 2);
  queue.AppendBlock(std::string(kLarge), 3);
  queue.AppendBlock("four", 4);
  queue.AppendMarker("marker");
  queue.AppendBlock("five", 5);
  EXPECT_EQ(ChunksFrom(queue, 0),
            (std::vector<std::string>{"onetwo", kLarge, "four", "marker", "five"}));
  EXPECT_EQ(queue.HandOut(4), "wo");
}

TEST(ChunkQueueTest, DoesNotMoveWhatIsHandedOut) {
  ChunkQueue queue;
  queue.AppendBlock("one", 1);
  const std::string_view bytes = queue.HandOut(0);
  for (std::uint64_t sequence = 2; sequence <= 1000; ++sequence) queue.AppendBlock("x", sequence);
  EXPECT_EQ(bytes, "one");
  EXPECT_EQ(queue.HandOut(0).data(), bytes.data());
}

TEST(ChunkQueueTest, FreesOnlyWholeChunks) {
  ChunkQueue queue;
  queue.AppendBlock("one", 1);
  queue.AppendBlock("two", 2);
  queue.AppendBlock(std::string(kLarge), 3);
  queue.Free(5);
  EXPECT_EQ(queue.begin(), 0U);
  queue.Free(6);
  EXPECT_EQ(queue.begin(), 6U);
  EXPECT_EQ(queue.At(6)->sequence, 3U);
  queue.Free(queue.end());
  EXPECT_TRUE(queue.empty());
  queue.AppendBlock("four", 4);
  EXPECT_EQ(queue.HandOut(queue.begin()), "four");
}

TEST(ChunkQueueTest, ClosesTheGapWhereABlockIsErased) {
  for (const std::uint64_t erased : {1U, 2U, 3U}) {
    SCOPED_TRACE(erased);
    ChunkQueue queue;
    std::vector<std::string> kept;
    for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
      const std::string block = kLarge + std::to_string(sequence);
      if (sequence != erased) kept.push_back(block);
      queue.AppendBlock(std::string(block), sequence);
    }
    const ChunkQueue::Offset begin = (erased - 1) * (kLarge.size() + 1);
    queue.Erase(*queue.At(begin));
    EXPECT_EQ(ChunksFrom(queue, 0), kept);
    EXPECT_EQ(queue.end(), 2 * (kLarge.size() + 1));
    queue.Free(queue.end());
    EXPECT_TRUE(queue.empty());
  }
}

TEST(ChunkQueueTest, GoesOnCountingAfterClear) {
  ChunkQueue queue;
  queue.AppendBlock("one", 1);
  queue.Clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.begin(), 3U);
  EXPECT_FALSE(queue.At(3));
}

}  // namespace
}  // namespace tlscope
