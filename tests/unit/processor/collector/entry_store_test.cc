// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/entry_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tlscope/v1/collector_state.pb.h"

namespace tlscope {
namespace {

using ::testing::ElementsAre;

/// Shows an entry as its loss bytes, and what was dropped before it.
class NumberFormat final : public Format {
 public:
  void Append(const BusPayload& payload, std::string& out) override {
    const auto* loss = std::get_if<LossEvent>(&payload);
    if (loss != nullptr) out += agent()->host + std::to_string(loss->bytes) + ' ';
  }
  std::string Dropped(std::uint64_t blocks, std::uint64_t /*bytes*/) const override {
    return "-" + std::to_string(blocks) + ' ';
  }
};

/// Keeps what it is given, as far as it is let.
class FakeStorage final : public Storage {
 public:
  struct Disk {
    StoreOutcome write = StoreOutcome::kDone;
    StoreOutcome keep = StoreOutcome::kDone;
    std::uint64_t room = std::numeric_limits<std::uint64_t>::max();
    std::vector<std::string> writes;
    StreamPositions kept;
    std::string all() const {
      std::string text;
      for (const std::string& written : writes) text += written;
      return text;
    }
  };

  explicit FakeStorage(Disk& disk) : disk_(disk) {}
  std::string name() const override { return "fake"; }
  std::optional<std::uint64_t> Prepare(std::size_t /*block_bytes*/) override { return disk_.room; }
  StoreOutcome Write(std::string_view bytes) override {
    if (disk_.write == StoreOutcome::kDone && !bytes.empty()) disk_.writes.emplace_back(bytes);
    return disk_.write;
  }
  StoreOutcome Keep(const StreamPositions& positions) override {
    if (disk_.keep == StoreOutcome::kDone) disk_.kept = positions;
    return disk_.keep;
  }
  void Close() override {}

 private:
  Disk& disk_;
};

class EntryStoreTest : public ::testing::Test {
 protected:
  /// A store with one output for each disk, which knows what the disk holds.
  void Open(const std::vector<FakeStorage::Disk*>& disks) {
    std::vector<std::unique_ptr<CollectorOutput>> outputs;
    for (FakeStorage::Disk* disk : disks) {
      outputs.push_back(
          std::make_unique<CollectorOutput>(std::make_shared<NumberFormat>(), FormatKind::kText,
                                            std::make_unique<FakeStorage>(*disk), disk->kept));
    }
    store_ = std::make_unique<EntryStore>(std::move(outputs));
  }

  void Add(const std::shared_ptr<CollectedStream>& stream, std::uint64_t sequence) {
    const BusPayload payload = LossEvent{connection_, DataType::kRead, "u", sequence, 1};
    store_->Add(stream, {sequence, "entry", &payload});
  }

  const ConnectionInfo connection_ = {};
  const AgentIdentity a_{"a", "", 1};
  const AgentIdentity b_{"b", "", 2};
  FakeStorage::Disk disk_;
  FakeStorage::Disk other_;
  std::unique_ptr<EntryStore> store_;
};

TEST_F(EntryStoreTest, StoresEachStreamOnceAndMarksWhatTheAgentDropped) {
  Open({&disk_});
  const auto a = store_->Begin(a_, 1);
  const auto b = store_->Begin(b_, 5);
  for (const std::uint64_t sequence : {1, 2, 2, 5}) Add(a, sequence);
  for (const std::uint64_t sequence : {5, 6}) Add(b, sequence);
  EXPECT_EQ(a->stored, 0U);
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  EXPECT_EQ(disk_.all(), "a1 a2 -2 a5 b5 b6 ");
  EXPECT_EQ(a->counts, (StreamCounts{4, 3, 2, 1}));
  EXPECT_EQ(b->counts, (StreamCounts{2, 2, 0, 0}));
  EXPECT_EQ(a->stored, 5U);
  EXPECT_FALSE(store_->pending());
}

TEST_F(EntryStoreTest, AnEntryIsStoredOnceAllOutputsHaveIt) {
  Open({&disk_, &other_});
  const auto a = store_->Begin(a_, 1);
  other_.write = StoreOutcome::kAgain;
  Add(a, 1);
  EXPECT_EQ(store_->Commit(), StoreOutcome::kAgain);
  EXPECT_TRUE(store_->full()) << "nothing more is to come until it is stored";
  EXPECT_EQ(a->stored, 0U);
  other_.write = StoreOutcome::kDone;
  other_.keep = StoreOutcome::kAgain;
  EXPECT_EQ(store_->Commit(), StoreOutcome::kAgain);
  EXPECT_EQ(a->stored, 0U);
  other_.keep = StoreOutcome::kDone;
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  EXPECT_EQ(a->stored, 1U);
  EXPECT_EQ(a->counts.stored, 1U);
  EXPECT_FALSE(store_->full());
  EXPECT_THAT(disk_.writes, ElementsAre("a1 "));
  EXPECT_THAT(other_.writes, ElementsAre("a1 "));
}

TEST_F(EntryStoreTest, AnOutputThatHasLessGetsTheRest) {
  disk_.kept.Set(a_, 3);
  other_.kept.Set(a_, 1);
  Open({&disk_, &other_});
  const auto a = store_->Begin(a_, 2);
  EXPECT_EQ(a->stored, 1U);
  for (const std::uint64_t sequence : {2, 3, 4}) Add(a, sequence);
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  EXPECT_EQ(disk_.all(), "a4 ");
  EXPECT_EQ(other_.all(), "a2 a3 a4 ");
  EXPECT_EQ(a->counts, (StreamCounts{3, 3, 0, 0}));
  EXPECT_EQ(a->stored, 4U);
}

TEST_F(EntryStoreTest, WhatAnEarlierRunStoredStaysKnownAndIsNotAheadOfWhatIsKept) {
  disk_.kept.Set(a_, 3);
  disk_.kept.Set(b_, 7);
  Open({&disk_});
  const auto a = store_->Begin(a_, 4);
  Add(a, 4);
  EXPECT_EQ(store_->outputs().front()->StoredOf(1), 3U);
  ASSERT_EQ(store_->Commit(), StoreOutcome::kDone);
  v1::CollectorState kept;
  disk_.kept.WriteTo(kept);
  ASSERT_EQ(kept.positions_size(), 2);
  EXPECT_EQ(kept.positions(0).sequence(), 7U);
  EXPECT_EQ(kept.positions(1).sequence(), 4U);
}

TEST_F(EntryStoreTest, CountsWhatIsMissingBetweenTwoRuns) {
  disk_.kept.Set(a_, 3);
  Open({&disk_});
  const auto a = store_->Begin(a_, 7);
  EXPECT_EQ(a->stored, 3U);
  Add(a, 7);
  EXPECT_EQ(a->counts.dropped, 3U);
}

TEST_F(EntryStoreTest, AStreamOfUnknownBeginningHasNothingMissingBeforeIt) {
  Open({&disk_});
  const auto a = store_->Begin(a_, 0);
  for (const std::uint64_t sequence : {10, 12}) Add(a, sequence);
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  EXPECT_EQ(disk_.all(), "a10 -1 a12 ");
  EXPECT_EQ(a->counts.dropped, 1U);
}

TEST_F(EntryStoreTest, KeepsAFileWithinItsRoomAndPositionsWithWhatIsWritten) {
  disk_.room = 7;
  Open({&disk_});
  const auto a = store_->Begin(a_, 1);
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) Add(a, sequence);
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  EXPECT_THAT(disk_.writes, ElementsAre("a1 a2 ", "a3 a4 ", "a5 "));
  EXPECT_EQ(disk_.kept.Of(1), 5U);
}

TEST_F(EntryStoreTest, WhatWasWrittenIsNotWrittenAgainWhenItCouldNotBeKept) {
  Open({&disk_});
  const auto a = store_->Begin(a_, 1);
  Add(a, 1);
  disk_.keep = StoreOutcome::kAgain;
  EXPECT_EQ(store_->Commit(), StoreOutcome::kAgain);
  EXPECT_EQ(store_->Commit(), StoreOutcome::kAgain);
  disk_.keep = StoreOutcome::kDone;
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  EXPECT_EQ(disk_.all(), "a1 ");
}

TEST_F(EntryStoreTest, AnEntryThatAFormatDoesNotShowCountsAsStored) {
  Open({&disk_});
  const auto a = store_->Begin(a_, 1);
  store_->Add(a, {1, "of a newer agent", nullptr});
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  EXPECT_EQ(a->stored, 1U);
  EXPECT_EQ(disk_.kept.Of(1), 1U);
  EXPECT_EQ(disk_.all(), "");
}

TEST_F(EntryStoreTest, ForgetsTheCountsOfOldStreamsOnly) {
  Open({&disk_});
  const auto held = store_->Begin(a_, 1);
  for (std::uint64_t id = 10; id < 10 + 2 * EntryStore::kStreams; ++id) {
    const auto stream = store_->Begin({"x", "", id}, 1);
    Add(stream, 1);
    if (id % 64 == 9) {
      ASSERT_EQ(store_->Commit(), StoreOutcome::kDone);
    }
  }
  EXPECT_FALSE(store_->pending());
  EXPECT_EQ(store_->streams().size(), EntryStore::kStreams);
  EXPECT_EQ(store_->Begin(a_, 1), held);
  StreamCounts all = store_->forgotten();
  for (const auto& stream : store_->streams()) all += stream->counts;
  EXPECT_EQ(all.stored, 2 * EntryStore::kStreams);
}

TEST_F(EntryStoreTest, TellsThatTheLastOutputIsClosed) {
  Open({&disk_});
  const auto a = store_->Begin(a_, 1);
  Add(a, 1);
  disk_.write = StoreOutcome::kClosed;
  EXPECT_EQ(store_->Commit(), StoreOutcome::kClosed);
  EXPECT_EQ(a->stored, 0U);
}

TEST_F(EntryStoreTest, GoesOnWithoutAnOutputThatIsClosed) {
  Open({&other_, &disk_});
  const auto a = store_->Begin(a_, 1);
  Add(a, 1);
  disk_.write = StoreOutcome::kAgain;
  other_.write = StoreOutcome::kClosed;
  EXPECT_EQ(store_->Commit(), StoreOutcome::kAgain);
  EXPECT_EQ(a->stored, 0U) << "the other output has it not yet";
  disk_.write = StoreOutcome::kDone;
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  Add(a, 2);
  EXPECT_EQ(store_->Commit(), StoreOutcome::kDone);
  EXPECT_EQ(disk_.all(), "a1 a2 ");
  EXPECT_EQ(a->stored, 2U);
  EXPECT_EQ(a->counts, (StreamCounts{2, 2, 0, 0}));
  EXPECT_EQ(store_->outputs().size(), 1U);
  EXPECT_EQ(store_->closed_outputs().size(), 1U);
  disk_.write = StoreOutcome::kClosed;
  Add(a, 3);
  EXPECT_EQ(store_->Commit(), StoreOutcome::kClosed);
}

}  // namespace
}  // namespace tlscope
