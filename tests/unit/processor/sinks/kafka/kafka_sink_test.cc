// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/kafka/kafka_sink.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/await.h"
#include "tests/unit/processor/sinks/kafka/kafka_cluster.h"
#include "tests/unit/processor/sinks/sink_expectations.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;

/// Every number once, those of a connection in order and in one partition.
void ExpectNumbers(const std::vector<KafkaReceived>& received, int count) {
  EXPECT_EQ(received.size(), static_cast<std::size_t>(count));
  std::set<int> seen;
  std::map<std::string, int> last;
  std::map<std::string, std::int32_t> partition;
  for (const KafkaReceived& message : received) {
    const int number = std::stoi(message.value);
    EXPECT_TRUE(seen.insert(number).second) << number << " came twice";
    const auto [before, first] = last.try_emplace(message.key, number);
    EXPECT_TRUE(first || before->second < number) << number << " after " << before->second;
    before->second = number;
    EXPECT_EQ(partition.try_emplace(message.key, message.partition).first->second,
              message.partition);
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(last.size(), std::min<std::size_t>(kConnections, static_cast<std::size_t>(count)));
}

TEST(KafkaSinkTest, KeepsEachConnectionInOneOrder) {
  const KafkaCluster cluster;
  KafkaTold told;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  told.Install(options);
  auto sink = OpenKafkaSink(std::move(options));
  PushMessages(*sink, 0, 2000);
  ExpectAllDelivered(*sink, 2000);
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.acknowledged_blocks, 2000U);
  EXPECT_EQ(stats.connects, 1U);
  EXPECT_EQ(stats.connections, 0U);
  EXPECT_EQ(told.connected, 1);
  ExpectNumbers(cluster.Consume(2000), 2000);
}

TEST(KafkaSinkTest, NamesTheConnectionInTheKeyAndTakesTheFramingOff) {
  const KafkaCluster cluster;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.framing = KafkaFraming::kLengthPrefix;
  auto sink = OpenKafkaSink(options);
  EXPECT_TRUE(sink->PushOf(0xabcdef0123456789,
                           "\x03"
                           "abc"));
  EXPECT_TRUE(sink->Push(std::string("\x80\x01") + std::string(128, 'x')));
  sink->Close();
  EXPECT_EQ(sink->stats().written_bytes, 4U + 130U);
  options.framing = KafkaFraming::kNewline;
  sink = OpenKafkaSink(options);
  EXPECT_TRUE(sink->PushOf(1, "{}\n"));
  sink->Close();
  std::map<std::string, std::string> values;
  for (const KafkaReceived& message : cluster.Consume(3)) values[message.key] = message.value;
  const std::map<std::string, std::string> expected{
      {"abcdef0123456789", "abc"}, {"", std::string(128, 'x')}, {"0000000000000001", "{}"}};
  EXPECT_EQ(values, expected);
}

TEST(KafkaSinkTest, LosesAndDuplicatesNothingWhileBrokersFail) {
  const KafkaCluster cluster;
  auto sink = OpenKafkaSink(KafkaOptionsFor(cluster));
  int pushed = 0;
  for (int round = 0; round < 4; ++round) {
    rd_kafka_mock_push_request_errors(
        cluster.mock(), kProduceRequest, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    PushMessages(*sink, pushed, 250);
    pushed += 250;
    const int broker = 1 + round % kBrokers;
    rd_kafka_mock_broker_set_down(cluster.mock(), broker);
    PushMessages(*sink, pushed, 250);
    pushed += 250;
    rd_kafka_mock_broker_set_up(cluster.mock(), broker);
  }
  ExpectAllDelivered(*sink, static_cast<std::uint64_t>(pushed));
  ExpectNumbers(cluster.Consume(static_cast<std::size_t>(pushed)), pushed);
}

TEST(KafkaSinkTest, HoldsWhatFitsWhileAllBrokersAreAwayAndCountsTheRest) {
  const KafkaCluster cluster;
  cluster.SetAllDown(true);
  KafkaTold told;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.queue_bytes = 100 * (KafkaSink::kBlockOverheadBytes + 10);
  told.Install(options);
  auto sink = OpenKafkaSink(std::move(options));
  std::uint64_t taken = 0;
  for (int i = 0; i < 150; ++i) taken += sink->PushOf(1, "1234567890") ? 1 : 0;
  EXPECT_EQ(taken, 100U);
  EXPECT_EQ(sink->stats().dropped_full_blocks, 50U);
  EXPECT_EQ(sink->stats().dropped_full_bytes, 500U);
  EXPECT_EQ(sink->stats().queued_blocks, 100U);
  AwaitFor("a failure", [&] { return !told.failures().empty(); });
  EXPECT_NE(told.failures().front().find(kKafkaTopic), std::string::npos)
      << told.failures().front();
  EXPECT_EQ(told.connected, 0);

  cluster.SetAllDown(false);
  AwaitFor("all deliveries", [&] { return sink->stats().written_blocks == 100U; });
  AwaitFor("a connection", [&] { return told.connected == 1; });
  EXPECT_EQ(sink->stats().connections, 1U);
  sink->Close();
  EXPECT_EQ(told.failures().size(), 1U);
  ExpectBalanced(sink->stats());
  EXPECT_EQ(cluster.Consume(100).size(), 100U);
}

TEST(KafkaSinkTest, CountsWhatIsNotDeliveredWhenItCloses) {
  const KafkaCluster cluster;
  cluster.SetAllDown(true);
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.drain_deadline = milliseconds{1};
  auto sink = OpenKafkaSink(std::move(options));
  PushMessages(*sink, 0, 10);
  sink->Close();
  EXPECT_FALSE(sink->Push("late"));
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.dropped_failed_blocks, 10U);
  EXPECT_EQ(stats.unconfirmed_blocks, 0U);
  EXPECT_EQ(stats.dropped_closed_blocks, 1U);
  EXPECT_EQ(stats.queued_blocks, 0U);
  ExpectBalanced(stats);
}

TEST(KafkaSinkTest, WaitsWhenTheLibraryHasLessRoomThanTheSink) {
  const KafkaCluster cluster;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.when_full = WhenFull::kWait;
  options.properties.emplace_back("queue.buffering.max.messages=2");
  auto sink = OpenKafkaSink(std::move(options));
  PushMessages(*sink, 0, 100);
  sink->Flush();
  EXPECT_EQ(sink->stats().written_blocks, 100U);
  ExpectBalanced(sink->stats());
}

TEST(KafkaSinkTest, CountsNothingAsAcknowledgedThatNobodyAcknowledges) {
  const KafkaCluster cluster;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.properties.insert(options.properties.end(), {"enable.idempotence=false", "acks=0"});
  auto sink = OpenKafkaSink(std::move(options));
  PushMessages(*sink, 0, 10);
  sink->Close();
  EXPECT_EQ(sink->stats().written_blocks, 10U);
  EXPECT_EQ(sink->stats().acknowledged_blocks, 0U);
}

}  // namespace
}  // namespace tlscope
