// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "processor/sinks/stream/stream_sink.h"
#include "tests/unit/await.h"
#include "tests/unit/processor/sinks/stream/stream_peer.h"
#include "tests/unit/processor/sinks/stream/stream_sink_fixture.h"

namespace tlscope {
namespace {

constexpr int kRestarts = 10;

/// A collector on a thread of its own that stores what it has not stored yet and is killed ten
/// times, with entries under way that it has not read, read and not stored, or stored and not
/// acknowledged. Then it lives on until the other end closes.
class Collector {
 public:
  explicit Collector(const Listener& listener) : listener_(listener), thread_([this] { Run(); }) {}

  int restarts() const { return restarts_; }

  /// What is stored, once it has ended.
  const std::vector<std::uint64_t>& Stored() {
    if (thread_.joinable()) thread_.join();
    return stored_;
  }

 private:
  void Run() {
    while (restarts_ < kRestarts) {
      StreamPeer peer = listener_.Accept();
      EXPECT_NE(peer.ReadHello(), 0U);
      // Some do not live long enough to say Welcome.
      if (restarts_ % 4 != 3 && peer.Welcome(last())) Serve(peer, 50 + 37 * restarts_);
      peer.Reset();
      ++restarts_;
    }
    StreamPeer peer = listener_.Accept();
    EXPECT_NE(peer.ReadHello(), 0U);
    EXPECT_TRUE(peer.Welcome(last()));
    Serve(peer, -1);
  }

  std::uint64_t last() const { return stored_.empty() ? 0 : stored_.back(); }

  /// Reads so many entries; negative: until the end.
  void Serve(StreamPeer& peer, int entries) {
    for (int i = 0; i != entries; ++i) {
      const auto entry = peer.ReadEvent();
      if (!entry) return;
      // Reads a few that it does not store, when it is to be killed.
      if (entries > 0 && entries - i < 4) continue;
      if (entry->sequence() > last()) stored_.push_back(entry->sequence());
      // The last of what it stores it does not acknowledge.
      if (entries < 0 || (entries - i > 8 && i % 10 == 9)) peer.Acknowledge(last());
    }
  }

  const Listener& listener_;
  std::vector<std::uint64_t> stored_;
  std::atomic<int> restarts_ = 0;
  std::jthread thread_;  // last: it uses the others
};

/// Pushes until the collector has been killed ten times, and then some. Returns the sequences of
/// the blocks that were taken.
std::vector<std::uint64_t> PushAll(StreamSink& sink, const Collector& collector,
                                   std::uint64_t backlog) {
  std::vector<std::uint64_t> taken;
  std::uint64_t sequence = 0;
  const auto push = [&] {
    ++sequence;
    if (sink.Push(EventBlock(sequence, "payload of " + std::to_string(sequence))))
      taken.push_back(sequence);
  };
  AwaitFor("the collector's last restart", [&] {
    // Many at a look: each look may cost this thread its turn.
    for (int i = 0; i < 100 && sink.stats().queued_blocks < backlog; ++i) push();
    return collector.restarts() >= kRestarts;
  });
  for (int i = 0; i < 100; ++i) push();
  return taken;
}

TEST(StreamSinkRestartTest, LosesAndDuplicatesNothingWhileTheSpoolLasts) {
  const Listener listener;
  Collector collector(listener);
  auto sink = OpenSink(TestOptions(listener.address(), true));
  const auto taken = PushAll(*sink, collector, 5'000);
  sink->Close();
  EXPECT_EQ(collector.Stored(), taken);
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.pushed_blocks, taken.size());
  EXPECT_EQ(stats.acknowledged_blocks, taken.size());
  EXPECT_EQ(stats.connects, kRestarts + 1U);
  EXPECT_GT(stats.resent_blocks, 0U);
  ExpectBalanced(stats);
}

TEST(StreamSinkRestartTest, CountsExactlyWhatIsLostWhenTheSpoolDoesNotLast) {
  const Listener listener;
  Collector collector(listener);
  StreamSinkOptions options = TestOptions(listener.address(), true);
  options.spool_bytes = 20'000;
  auto sink = OpenSink(std::move(options));
  // Pushes whether there is room or not.
  const auto taken = PushAll(*sink, collector, 1U << 30);
  sink->Close();
  EXPECT_EQ(collector.Stored(), taken);
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.acknowledged_blocks, taken.size());
  EXPECT_EQ(stats.dropped_full_blocks, stats.pushed_blocks - taken.size());
  EXPECT_GT(stats.dropped_full_blocks, 0U);
  ExpectBalanced(stats);
}

}  // namespace
}  // namespace tlscope
