// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "processor/sinks/stream/spool.h"
#include "tests/unit/processor/sinks/sink_expectations.h"

namespace tlscope {
namespace {

constexpr std::size_t kHeaderBytes = 2 * sizeof(std::uint64_t);

/// A block of so many bytes besides its header: its length and its sequence.
std::string BlockOf(std::uint64_t sequence, std::size_t bytes) {
  const std::uint64_t header[] = {kHeaderBytes + bytes, sequence};
  std::string block(kHeaderBytes + bytes, 'b');
  std::memcpy(block.data(), header, kHeaderBytes);
  return block;
}

/// A sender, and a peer that stores what is new to it. The order in which things happen is random.
class Model {
 public:
  Model(std::uint32_t seed, bool acknowledges)
      : random_(seed), acknowledges_(acknowledges), spool_({.bytes = 200'000}) {
    Connect();
  }

  void Step() {
    switch (Below(8)) {
      case 0:
      case 1:
      case 2:
        return Push();
      case 3:
      case 4:
      case 5:
        return Send();
      case 6:
        return Acknowledge();
      default:
        if (Below(4) == 0) Connect();
    }
  }

  void Finish() {
    while (!spool_.Empty()) {
      Send();
      AcknowledgeUpTo(stored_);
    }
  }

  void Check() const {
    const SinkStats stats = spool_.stats();
    ExpectBalanced(stats);
    EXPECT_EQ(stats.pushed_blocks, pushed_);
    EXPECT_EQ(stats.written_blocks + stats.dropped_failed_blocks + stats.queued_blocks,
              taken_.size());
    EXPECT_LE(stats.unacknowledged_blocks, stats.queued_blocks);
    EXPECT_LE(stats.unacknowledged_bytes, stats.queued_bytes);
    EXPECT_EQ(stats.acknowledged_blocks, acknowledges_ ? stats.written_blocks : 0);
  }

  void CheckEnd() const {
    Check();
    const SinkStats stats = spool_.stats();
    EXPECT_EQ(stats.queued_blocks, 0U);
    EXPECT_EQ(stats.unacknowledged_blocks, 0U);
    // None is lost that is not counted, and none comes that was not taken.
    EXPECT_EQ(received_.size(), stats.written_blocks);
    EXPECT_TRUE(std::includes(taken_.begin(), taken_.end(), received_.begin(), received_.end()));
  }

 private:
  std::size_t Below(std::size_t bound) { return random_() % bound; }

  void Connect() {
    const std::uint64_t next = spool_.BeginConnection();
    input_.clear();
    last_ = next - 1;
    if (!acknowledges_) return;
    spool_.KeepSent();
    EXPECT_TRUE(spool_.Acknowledge(stored_));
    spool_.LimitBlocks(20'000);
  }

  void Push() {
    const std::size_t bytes = Below(10) == 0 ? Below(40'000) : Below(300);
    ++pushed_;
    if (spool_.Push(BlockOf(pushed_, bytes)) != Spool::Pushed::kRefused) taken_.insert(pushed_);
  }

  /// Some of what waits, down to single bytes; sometimes no more than the rest of a block.
  void Send() {
    std::vector<std::string_view> parts;
    if (Below(4) != 0)
      spool_.Gather(parts, 1 + Below(8), 1 + Below(100'000));
    else if (!spool_.GatherRestOfBlock(parts))
      return;
    std::string bytes;
    for (const std::string_view part : parts) bytes += part;
    if (bytes.empty()) return;
    if (Below(2) == 0) bytes.resize(1 + Below(bytes.size()));
    // What the peer says before the sender hears that it was sent.
    input_ += bytes;
    Receive();
    if (Below(4) == 0) Acknowledge();
    spool_.Sent(bytes.size());
  }

  void Receive() {
    for (;;) {
      std::uint64_t header[2];
      if (input_.size() < kHeaderBytes) return;
      std::memcpy(header, input_.data(), kHeaderBytes);
      if (input_.size() < header[0]) return;
      input_.erase(0, header[0]);
      ASSERT_GT(header[1], last_) << "out of order";
      last_ = header[1];
      const bool first = received_.insert(last_).second;
      EXPECT_TRUE(first || acknowledges_) << "sent twice to one that does not acknowledge";
      stored_ = std::max(stored_, last_);
    }
  }

  /// Sometimes less than what is stored.
  void Acknowledge() { AcknowledgeUpTo(stored_ - std::min<std::uint64_t>(stored_, Below(3))); }
  void AcknowledgeUpTo(std::uint64_t sequence) {
    if (!acknowledges_) return;
    EXPECT_TRUE(spool_.Acknowledge(sequence));
  }

  std::minstd_rand random_;
  const bool acknowledges_;
  Spool spool_;
  std::uint64_t pushed_ = 0;
  std::set<std::uint64_t> taken_;
  std::string input_;       // of this connection, not yet a block
  std::uint64_t last_ = 0;  // block that came on this connection
  std::uint64_t stored_ = 0;
  std::set<std::uint64_t> received_;
};

TEST(SpoolModelTest, LosesAndDoublesNothingInAnyOrderOfEvents) {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed, seed % 2 == 0);
    for (int step = 0; step < 300; ++step) {
      model.Step();
      model.Check();
    }
    model.Finish();
    model.CheckEnd();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace tlscope
