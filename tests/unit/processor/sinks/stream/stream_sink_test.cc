// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/stream/stream_sink.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <limits>

#include "tests/unit/await.h"
#include "tests/unit/processor/sinks/stream/stream_peer.h"
#include "tests/unit/processor/sinks/stream/stream_sink_fixture.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;

TEST(StreamSinkTest, CountsABlockAsWrittenOnceItIsAcknowledged) {
  const Listener listener;
  auto sink = OpenSink(TestOptions(listener.address(), true));
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 1U);
  EXPECT_TRUE(peer.Welcome(0));
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_TRUE(sink->Push(EventBlock(i, "payload")));
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(peer.ReadEntry()->sequence(), i);
  AwaitFor("three sent blocks", [&] { return sink->stats().unacknowledged_blocks == 3; });
  EXPECT_EQ(sink->stats().written_blocks, 0U);
  EXPECT_EQ(sink->stats().connections, 1U);
  EXPECT_TRUE(peer.Acknowledge(2));
  AwaitFor("two acknowledged blocks", [&] { return sink->stats().acknowledged_blocks == 2; });
  EXPECT_EQ(sink->stats().unacknowledged_blocks, 1U);
  EXPECT_TRUE(peer.Acknowledge(3));
  auto closed = std::async(std::launch::async, [&] { sink->Close(); });
  EXPECT_TRUE(peer.AtEnd());
  peer.Reset();
  closed.get();
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.written_blocks, 3U);
  EXPECT_EQ(stats.connects, 1U);
  EXPECT_EQ(stats.resent_blocks, 0U);
  EXPECT_EQ(stats.connections, 0U);
  ExpectBalanced(stats);
}

TEST(StreamSinkTest, SendsAgainWhatWasNotAcknowledgedButNotWhatIsStored) {
  const Listener listener;
  auto sink = OpenSink(TestOptions(listener.address(), true));
  {
    StreamPeer peer = listener.Accept();
    EXPECT_EQ(peer.ReadHello(), 1U);
    EXPECT_TRUE(peer.Welcome(0));
    for (std::uint64_t i = 1; i <= 4; ++i) EXPECT_TRUE(sink->Push(EventBlock(i, "payload")));
    for (std::uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(peer.ReadEntry()->sequence(), i);
    EXPECT_TRUE(peer.Acknowledge(1));
    AwaitFor("an acknowledged block", [&] { return sink->stats().acknowledged_blocks == 1; });
    peer.Reset();
  }
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 2U);
  EXPECT_TRUE(peer.Welcome(3));
  EXPECT_EQ(peer.ReadEntry()->sequence(), 4U);
  EXPECT_TRUE(peer.Acknowledge(4));
  AwaitFor("four acknowledged blocks", [&] { return sink->stats().acknowledged_blocks == 4; });
  EXPECT_EQ(sink->stats().resent_blocks, 1U);
  EXPECT_EQ(sink->stats().connects, 2U);
  ExpectBalanced(sink->stats());
}

TEST(StreamSinkTest, TakesAPeerThatSaysNothingForOneThatHasWhatWasWritten) {
  const Listener listener;
  StreamSinkOptions options = TestOptions(listener.address(), true);
  options.welcome_patience = milliseconds{1};
  auto sink = OpenSink(std::move(options));
  EXPECT_TRUE(sink->Push(EventBlock(1, "one")));
  {
    StreamPeer peer = listener.Accept();
    EXPECT_EQ(peer.ReadHello(), 1U);
    EXPECT_EQ(peer.ReadEntry()->event_payload().payload(), "one");
    AwaitFor("a written block", [&] { return sink->stats().written_blocks == 1; });
    peer.Reset();
  }
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 2U);
  EXPECT_TRUE(sink->Push(EventBlock(2, "two")));
  EXPECT_EQ(peer.ReadEntry()->event_payload().payload(), "two");
  sink->Close();
  EXPECT_EQ(sink->stats().acknowledged_blocks, 0U);
  ExpectBalanced(sink->stats());
}

TEST(StreamSinkTest, SendsABlockAgainThatAKilledPeerHasSeenHalfOf) {
  const Listener listener;
  for (const bool framed : {false, true}) {
    SCOPED_TRACE(framed);
    StreamSinkOptions options = TestOptions(listener.address(), framed);
    options.welcome_patience = milliseconds{1};
    auto sink = OpenSink(std::move(options));
    // More than sockets hold.
    const std::string block = EventBlock(1, std::string(32U << 20, 'x'));
    EXPECT_TRUE(sink->Push(block));
    {
      StreamPeer peer = listener.Accept();
      EXPECT_EQ(peer.Read(1U << 20).size(), 1U << 20);
      peer.Reset();
    }
    StreamPeer peer = listener.Accept();
    if (framed) {
      EXPECT_EQ(peer.ReadHello(), 1U);
      EXPECT_EQ(peer.ReadEntry()->event_payload().payload().size(), 32U << 20);
    } else {
      EXPECT_EQ(peer.Read(block.size()), block);
    }
    ExpectAllDelivered(*sink, 1);
    EXPECT_EQ(sink->stats().connect_failures, 1U);
  }
}

TEST(StreamSinkTest, BeginsEachConnectionAsTheFormatDoes) {
  const std::string path = testing::TempDir() + "tlscope_stream_sink_" + std::to_string(getpid());
  std::filesystem::remove(path);
  const Listener listener(path);
  StreamSinkOptions options = TestOptions(listener.address(), false);
  options.start = [](std::uint64_t /*next_sequence*/) { return "start\n"; };
  auto sink = OpenSink(std::move(options));
  for (const std::string block : {"first\n", "second\n"}) {
    StreamPeer peer = listener.Accept();
    EXPECT_EQ(peer.Read(6), "start\n");
    EXPECT_TRUE(sink->Push(block));
    EXPECT_EQ(peer.Read(block.size()), block);
    // Whatever it says: nobody listens.
    EXPECT_TRUE(peer.Write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    peer.Reset();
  }
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.Read(6), "start\n");
  auto closed = std::async(std::launch::async, [&] { sink->Close(); });
  EXPECT_TRUE(peer.AtEnd());
  peer.Reset();
  closed.get();
  EXPECT_EQ(sink->stats().written_blocks, 2U);
  EXPECT_EQ(sink->stats().connects, 3U);
}

TEST(StreamSinkTest, ClosesTheConnectionWithAPeerThatMakesNoSense) {
  v1::CollectorMessage unwelcome;
  unwelcome.mutable_acknowledged();
  std::string acknowledged_first;
  AppendDelimited(unwelcome, acknowledged_first);
  v1::CollectorMessage ahead;
  ahead.mutable_welcome()->set_stored_sequence(1);
  std::string stored_ahead;
  AppendDelimited(ahead, stored_ahead);
  ahead.mutable_welcome()->set_stored_sequence(0);
  std::string acknowledged_ahead;
  AppendDelimited(ahead, acknowledged_ahead);
  unwelcome.mutable_acknowledged()->set_stored_sequence(7);
  AppendDelimited(unwelcome, acknowledged_ahead);

  for (const std::string& answer :
       {std::string(10, '\xff'), std::string("\xff\xff\xff\x7f"), std::string("\x02\xff\xff"),
        std::string("HTTP/1.1 400 Bad Request\r\n\r\n") + std::string(100, '\n'),
        acknowledged_first, stored_ahead, acknowledged_ahead}) {
    const Listener listener;
    Told told;
    StreamSinkOptions options = TestOptions(listener.address(), true);
    told.Install(options);
    auto sink = OpenSink(std::move(options));
    {
      StreamPeer peer = listener.Accept();
      EXPECT_EQ(peer.ReadHello(), 1U);
      EXPECT_TRUE(peer.Write(answer));
      EXPECT_FALSE(peer.ReadEntry());
    }
    AwaitFor("a failure", [&] { return told.failures() == 1; });
    EXPECT_NE(told.failure(0).find("understand " + listener.address().Url()), std::string::npos)
        << told.failure(0);
    // It is given another chance.
    StreamPeer peer = listener.Accept();
    EXPECT_EQ(peer.ReadHello(), 1U);
  }
}

TEST(StreamSinkTest, SaysWhyACollectorRefusesInCharactersThatHarmNobody) {
  const Listener listener;
  Told told;
  StreamSinkOptions options = TestOptions(listener.address(), true);
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  StreamPeer peer = listener.Accept();
  v1::CollectorMessage message;
  message.set_refused("no room\x1b[2J\n" + std::string(1000, 'x'));
  EXPECT_TRUE(peer.Say(message));
  AwaitFor("a failure", [&] { return told.failures() == 1; });
  EXPECT_NE(told.failure(0).find("no room?[2J?xxx"), std::string::npos) << told.failure(0);
  EXPECT_LT(told.failure(0).size(), 400U);
}

TEST(StreamSinkTest, RefusesExactlyWhatDoesNotFitWhileNothingIsAcknowledged) {
  const Listener listener;
  const std::size_t block_bytes = EventBlock(1, "payload").size();
  StreamSinkOptions options = TestOptions(listener.address(), true);
  options.spool_bytes = 5 * (block_bytes + 64);
  auto sink = OpenSink(std::move(options));
  StreamPeer peer = listener.Accept();
  EXPECT_TRUE(peer.Welcome(0));
  EXPECT_EQ(peer.ReadHello(), 1U);
  for (std::uint64_t i = 1; i <= 8; ++i) EXPECT_EQ(sink->Push(EventBlock(i, "payload")), i <= 5);
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(peer.ReadEntry()->sequence(), i);
  EXPECT_EQ(sink->stats().dropped_full_blocks, 3U);
  EXPECT_EQ(sink->stats().dropped_full_bytes, 3 * block_bytes);
  EXPECT_TRUE(peer.Acknowledge(5));
  AwaitFor("five acknowledged blocks", [&] { return sink->stats().acknowledged_blocks == 5; });
  EXPECT_TRUE(sink->Push(EventBlock(9, "payload")));
  EXPECT_EQ(peer.ReadEntry()->sequence(), 9U);
  ExpectBalanced(sink->stats());
  EXPECT_TRUE(peer.Acknowledge(9));
}

TEST(StreamSinkTest, CountsEverythingWhenNobodyEverAnswers) {
  StreamAddress address;
  address.kind = StreamAddress::Kind::kUnix;
  address.path = testing::TempDir() + "tlscope_nobody_listens_here.sock";
  Told told;
  StreamSinkOptions options = TestOptions(address, true);
  options.drain_deadline = milliseconds{20};
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_TRUE(sink->Push(EventBlock(i, "payload")));
  AwaitFor("three failures to connect", [&] { return sink->stats().connect_failures >= 3; });
  EXPECT_EQ(sink->stats().queued_blocks, 3U);
  sink->Close();
  sink->Close();
  EXPECT_FALSE(sink->Push("late"));
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.dropped_failed_blocks, 3U);
  EXPECT_EQ(stats.unconfirmed_blocks, 0U);
  EXPECT_EQ(stats.dropped_closed_blocks, 1U);
  EXPECT_EQ(stats.connects, 0U);
  ExpectBalanced(stats);
  // Once, not for each try.
  EXPECT_EQ(told.failures(), 1U);
  EXPECT_EQ(told.connected, 0);
  EXPECT_NE(told.failure(0).find(address.Url() + ": No such file"), std::string::npos)
      << told.failure(0);
}

TEST(StreamSinkTest, CountsWhatWasSentButNotAcknowledgedWhenItCloses) {
  const Listener listener;
  StreamSinkOptions options = TestOptions(listener.address(), true);
  options.drain_deadline = milliseconds{20};
  auto sink = OpenSink(std::move(options));
  StreamPeer peer = listener.Accept();
  EXPECT_TRUE(peer.Welcome(0));
  EXPECT_EQ(peer.ReadHello(), 1U);
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_TRUE(sink->Push(EventBlock(i, "payload")));
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(peer.ReadEntry()->sequence(), i);
  EXPECT_TRUE(peer.Acknowledge(1));
  AwaitFor("an acknowledged block", [&] { return sink->stats().acknowledged_blocks == 1; });
  sink->Close();
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 2U);
  EXPECT_EQ(sink->stats().unconfirmed_blocks, 2U);
  ExpectBalanced(sink->stats());
}

TEST(StreamSinkTest, LeavesACollectorThatIsSilentForTooLong) {
  const Listener listener;
  Told told;
  StreamSinkOptions options = TestOptions(listener.address(), true);
  options.heartbeat_interval = milliseconds{10};
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 1U);
  EXPECT_TRUE(peer.Welcome(0));
  std::uint64_t beats = 0;
  while (const auto entry = peer.ReadEntry()) {
    EXPECT_EQ(entry->heartbeat_payload().beat(), ++beats);
    EXPECT_EQ(entry->heartbeat_payload().interval_ms(), 10U);
  }
  // The Welcome may have come after some.
  EXPECT_GE(beats, 3U);
  AwaitFor("a failure", [&] { return told.failures() >= 1; });
  EXPECT_NE(told.failure(0).find("hear from"), std::string::npos) << told.failure(0);
  EXPECT_EQ(listener.Accept().ReadHello(), 1U);
}

TEST(StreamSinkTest, BeatsBetweenBlocksOnly) {
  const Listener listener;
  StreamSinkOptions options = TestOptions(listener.address(), true);
  options.heartbeat_interval = milliseconds{1};
  // A peer that says nothing need not.
  options.welcome_patience = milliseconds{1};
  options.spool_bytes = 1U << 30;
  auto sink = OpenSink(std::move(options));
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 1U);
  const std::string payload(3U << 20, 'p');
  for (std::uint64_t i = 1; i <= 20; ++i) EXPECT_TRUE(sink->Push(EventBlock(i, payload)));
  std::uint64_t beats = 0;
  for (std::uint64_t next = 1; next <= 20 || beats == 0;) {
    const auto entry = peer.ReadEntry();
    ASSERT_TRUE(entry);
    if (entry->has_heartbeat_payload()) {
      EXPECT_EQ(entry->heartbeat_payload().beat(), ++beats);
      continue;
    }
    EXPECT_EQ(entry->sequence(), next++);
    EXPECT_EQ(entry->event_payload().payload(), payload);
  }
}

TEST(StreamSinkTest, DoesNotSendWhatTheCollectorSaysIsTooLarge) {
  const Listener listener;
  auto sink = OpenSink(TestOptions(listener.address(), true));
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 1U);
  v1::CollectorMessage message;
  message.mutable_welcome()->set_max_entry_bytes(100'000);
  EXPECT_TRUE(peer.Say(message));
  EXPECT_TRUE(sink->Push(EventBlock(1, "small")));
  EXPECT_EQ(peer.ReadEntry()->sequence(), 1U);
  EXPECT_TRUE(sink->Push(EventBlock(2, std::string(100'000, 'x'))));
  EXPECT_TRUE(sink->Push(EventBlock(3, "small")));
  EXPECT_EQ(peer.ReadEntry()->sequence(), 3U);
  EXPECT_TRUE(peer.Acknowledge(3));
  AwaitFor("two acknowledged blocks", [&] { return sink->stats().acknowledged_blocks == 2; });
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 1U);
  ExpectBalanced(sink->stats());
}

TEST(StreamSinkTest, TakesTheLargestNumberForNoLimit) {
  const Listener listener;
  auto sink = OpenSink(TestOptions(listener.address(), true));
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 1U);
  v1::CollectorMessage message;
  message.mutable_welcome()->set_max_entry_bytes(std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(peer.Say(message));
  EXPECT_TRUE(sink->Push(EventBlock(1, std::string(100'000, 'x'))));
  EXPECT_TRUE(sink->Push(EventBlock(2, "small")));
  EXPECT_EQ(peer.ReadEntry()->sequence(), 1U);
  EXPECT_EQ(peer.ReadEntry()->sequence(), 2U);
  EXPECT_TRUE(peer.Acknowledge(2));
}

TEST(StreamSinkTest, EndsTheConnectionWhenItHasGivenUpTheLastBlock) {
  const Listener listener;
  StreamSinkOptions options = TestOptions(listener.address(), true);
  options.drain_deadline = std::chrono::hours{1};
  auto sink = OpenSink(std::move(options));
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 1U);
  const std::string large = EventBlock(1, std::string(100'000, 'x'));
  EXPECT_TRUE(sink->Push(large));
  auto closed = std::async(std::launch::async, [&] { sink->Close(); });
  // It is about to end when it hears how much the collector takes.
  AwaitFor("the refusal of a block",
           [&] { return !sink->Push(large) && sink->stats().dropped_closed_blocks > 0; });
  v1::CollectorMessage message;
  message.mutable_welcome()->set_max_entry_bytes(50'000);
  EXPECT_TRUE(peer.Say(message));
  EXPECT_TRUE(peer.AtEnd());
  peer.Reset();
  closed.get();
  const SinkStats stats = sink->stats();
  EXPECT_GT(stats.dropped_failed_blocks, 0U);
  EXPECT_EQ(stats.unconfirmed_blocks, 0U);
  EXPECT_EQ(stats.written_blocks, 0U);
  ExpectBalanced(stats);
}

TEST(StreamSinkTest, TellsOfTheFirstFailureAndOfTheRecovery) {
  const Listener listener;
  Told told;
  StreamSinkOptions options = TestOptions(listener.address(), true);
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  for (int i = 0; i < 5; ++i) {
    StreamPeer peer = listener.Accept();
    EXPECT_EQ(peer.ReadHello(), 1U);
    peer.Reset();
  }
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.ReadHello(), 1U);
  EXPECT_EQ(told.connected, 1);
  EXPECT_EQ(told.failures(), 1U);
  EXPECT_TRUE(peer.Welcome(0));
  EXPECT_TRUE(sink->Push(EventBlock(1, "payload")));
  EXPECT_EQ(peer.ReadEntry()->sequence(), 1U);
  EXPECT_TRUE(peer.Acknowledge(1));
  AwaitFor("a second connection that holds", [&] { return told.connected == 2; });
  peer.Reset();
  AwaitFor("a second failure", [&] { return told.failures() == 2; });
  EXPECT_EQ(sink->stats().connect_failures, 6U);
}

TEST(StreamSinkTest, LooksNamesUp) {
  const Listener listener;
  StreamAddress address = listener.address();
  address.host = "localhost";
  auto sink = OpenSink(TestOptions(address, false));
  EXPECT_TRUE(sink->Push("found"));
  StreamPeer peer = listener.Accept();
  EXPECT_EQ(peer.Read(5), "found");
}

TEST(StreamSinkTest, SaysThatANameIsUnknown) {
  StreamAddress address;
  address.host = "no-such-host.invalid";  // RFC 2606 2
  address.port = 1;
  Told told;
  StreamSinkOptions options = TestOptions(address, false);
  options.drain_deadline = milliseconds{1};
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  AwaitFor("a failure", [&] { return told.failures() == 1; });
  EXPECT_NE(told.failure(0).find("look up the host 'no-such-host.invalid'"), std::string::npos)
      << told.failure(0);
}

}  // namespace
}  // namespace tlscope
