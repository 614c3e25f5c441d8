// SPDX-License-Identifier: Apache-2.0
#include "agent/status/agent_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "agent/status/loss_table.h"

namespace tlscope {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

StatusSnapshot Example() {
  StatusSnapshot snapshot;
  snapshot.version = "1.2.3";
  snapshot.instance = "web";
  snapshot.host = "box";
  snapshot.pid = 42;
  snapshot.uptime_ns = 3'723'000'000'000;
  snapshot.stage = Stage::kPaused;
  snapshot.libraries = {"/lib/libssl.so.3"};
  snapshot.processes = {{7, "nginx"}, {12345, "curl"}};
  snapshot.kernel[TLSCOPE_COUNT_PAUSED] = {3, 300};
  snapshot.kernel[TLSCOPE_COUNT_RING_FULL] = {1, 16384};
  snapshot.processor.messages[1] = 10;
  snapshot.processor.messages[3] = 9;
  snapshot.processor.data_bytes = 1234;
  snapshot.processor.workers_active = 2;
  snapshot.processor.cut_bytes = 55;
  snapshot.rates = {2.25, 1000};
  snapshot.rate_limited_events = 6;
  SinkSnapshot sink{"standard output", {}};
  sink.stats.queued_blocks = 4;
  sink.stats.queued_bytes = 400;
  sink.stats.written_blocks = 15;
  sink.stats.written_bytes = 1500;
  sink.stats.dropped_full_blocks = 1;
  sink.stats.dropped_failed_blocks = 2;
  sink.stats.dropped_closed_blocks = 4;
  sink.stats.dropped_closed_bytes = 30;
  snapshot.sinks = {sink};
  snapshot.clients = {1, 2};
  snapshot.settings = {{"tsize", "100"}, {"max-events-per-second", "0"}};
  return snapshot;
}

TEST(AgentStatusTest, TellsEverythingThatTheSnapshotHolds) {
  const v1::AgentStatus status = MakeStatus(Example());
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.instance(), "web");
  EXPECT_EQ(status.host(), "box");
  EXPECT_EQ(status.pid(), 42U);
  EXPECT_EQ(status.uptime_ns(), 3'723'000'000'000U);
  EXPECT_EQ(status.stage(), "paused");
  ASSERT_EQ(status.libraries_size(), 1);
  EXPECT_EQ(status.libraries(0).path(), "/lib/libssl.so.3");
  ASSERT_EQ(status.processes_size(), 2);
  EXPECT_EQ(status.processes(1).pid(), 12345U);
  EXPECT_EQ(status.processes(1).comm(), "curl");
  EXPECT_EQ(status.connections(), 2U);
  EXPECT_EQ(status.messages(), 19U);
  EXPECT_EQ(status.bytes(), 1234U);
  EXPECT_EQ(status.messages_per_second(), 2.25);
  EXPECT_EQ(status.bytes_per_second(), 1000);
  ASSERT_EQ(status.sinks_size(), 1);
  EXPECT_EQ(status.sinks(0).written_blocks(), 15U);
  EXPECT_EQ(status.sinks(0).dropped_blocks(), 7U);
  EXPECT_EQ(status.sinks(0).dropped_full_blocks(), 1U);
  EXPECT_EQ(status.sinks(0).dropped_failed_blocks(), 2U);
  EXPECT_EQ(status.sinks(0).dropped_closed_blocks(), 4U);
  EXPECT_EQ(status.sinks(0).dropped_bytes(), 30U);
  EXPECT_EQ(status.sinks(0).queued_bytes(), 400U);
  EXPECT_EQ(status.clients(), 1U);
  EXPECT_EQ(status.subscriptions(), 2U);
  ASSERT_EQ(status.settings_size(), 2);
  EXPECT_EQ(status.settings(0).value(), "100");
}

TEST(AgentStatusTest, NamesEveryCauseOfLossThatMakesTheSumsAddUp) {
  KernelCounters kernel{};
  std::uint64_t lost = 0;
  for (const auto counter : {TLSCOPE_COUNT_RING_FULL, TLSCOPE_COUNT_MAP_FULL, TLSCOPE_COUNT_FAULT,
                             TLSCOPE_COUNT_TRUNCATED, TLSCOPE_COUNT_SENDFILE, TLSCOPE_COUNT_PAUSED,
                             TLSCOPE_COUNT_UNFINISHED, TLSCOPE_COUNT_NO_CALL}) {
    kernel[counter] = {1, std::uint64_t{1} << counter};
    lost += kernel[counter].bytes;
  }
  std::uint64_t told = 0;
  std::map<std::string_view, int> causes;
  for (const Loss& loss : LossTable(kernel, {}, 0)) {
    told += loss.bytes;
    EXPECT_EQ(++causes[loss.cause], 1) << loss.cause;
  }
  EXPECT_EQ(told, lost);
}

TEST(AgentStatusTest, CountsWhatTheProcessorAndTheBusLost) {
  ProcessorStats processor;
  processor.decode_errors = 1;
  processor.exchanges_lost = 2;
  processor.workers_evicted = 4;
  processor.handshakes_evicted = 8;
  std::uint64_t events = 0;
  for (const Loss& loss : LossTable({}, processor, 16)) events += loss.events;
  EXPECT_EQ(events, 31U);
}

TEST(AgentStatusTest, LetsNoNameBreakALineOrTheSchema) {
  StatusSnapshot snapshot = Example();
  snapshot.processes = {{7, "evil\n\x1b[2J\xff"}};
  snapshot.libraries = {"/tmp/\xc3\n"};
  const v1::AgentStatus status = MakeStatus(snapshot);
  v1::AgentStatus read;
  EXPECT_TRUE(read.ParseFromString(status.SerializeAsString()));
  EXPECT_THAT(StatusText(status), Not(HasSubstr("\x1b")));
  EXPECT_THAT(StatusText(status), HasSubstr("evil\\x0a"));
}

TEST(StatusTextTest, IsAlignedAndComplete) {
  EXPECT_EQ(StatusText(MakeStatus(Example())),
            "agent          tlscope 1.2.3, instance web, process 42 on box\n"
            "stage          paused, up for 01:02:03\n"
            "connections    2 followed\n"
            "messages       19, 2.2 per second\n"
            "plaintext      1234 bytes, 1000 per second\n"
            "libraries      1 attached to\n"
            "               /lib/libssl.so.3\n"
            "processes      2 that use them\n"
            "                     7 nginx\n"
            "                 12345 curl\n"
            "lost           ring full                                    1        16384 bytes\n"
            "               map full                                     0            0 bytes\n"
            "               unreadable memory                            0            0 bytes\n"
            "               over --max-payload                           0            0 bytes\n"
            "               sent by SSL_sendfile                         0            0 bytes\n"
            "               paused                                       3          300 bytes\n"
            "               unfinished writes                            0            0 bytes\n"
            "               calls that began unseen                      0            0 bytes\n"
            "               records without plaintext (ring full)        0            0 bytes\n"
            "               calls that never ended                       0            0 bytes\n"
            "               calls that cannot be told apart              0            0 bytes\n"
            "               undecodable records                          0            0 bytes\n"
            "               over --tsize or --max-body                   0           55 bytes\n"
            "               unpaired halves of exchanges                 0            0 bytes\n"
            "               connections evicted                          0            0 bytes\n"
            "               handshakes evicted                           0            0 bytes\n"
            "               over --max-events-per-second                 6            0 bytes\n"
            "output         standard output: 15 (1500 bytes) written, 7 (30 bytes) dropped, 4 "
            "(400 bytes) waiting\n"
            "               dropped: 1 queue full, 2 not delivered or refused, 4 output closed or "
            "broken\n"
            "clients        1, 2 subscriptions\n"
            "settings       tsize                 100\n"
            "               max-events-per-second 0\n");
}

TEST(StatusTextTest, ShowsDaysAndHours) {
  v1::AgentStatus status;
  status.set_uptime_ns(std::uint64_t{93784} * 1'000'000'000);
  status.set_subscriptions(1);
  EXPECT_THAT(StatusText(status), HasSubstr("up for 1d 02:03:04\n"));
  EXPECT_THAT(StatusText(status), HasSubstr("1 subscription\n"));
}

}  // namespace
}  // namespace tlscope
