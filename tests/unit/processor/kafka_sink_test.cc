// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/kafka_sink.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tlscope {
namespace {

using std::chrono::milliseconds;

constexpr const char* kTopic = "events";
constexpr int kPartitions = 4;
constexpr int kBrokers = 3;
// Of the protocol: https://kafka.apache.org/protocol#protocol_api_keys
constexpr std::int16_t kProduceRequest = 0;

struct Received {
  std::string key;
  std::string value;
  std::int32_t partition;
};

/// librdkafka's own brokers, in this process, with one topic.
class Cluster {
 public:
  Cluster() {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    // Only a place for the brokers to live in, which has none of its own to talk to.
    EXPECT_EQ(rd_kafka_conf_set(conf, "log_level", "0", nullptr, 0), RD_KAFKA_CONF_OK);
    host_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    mock_ = rd_kafka_mock_cluster_new(host_, kBrokers);
    EXPECT_EQ(rd_kafka_mock_topic_create(mock_, kTopic, kPartitions, 1),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  ~Cluster() {
    rd_kafka_mock_cluster_destroy(mock_);
    rd_kafka_destroy(host_);
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  rd_kafka_mock_cluster_t* mock() const { return mock_; }
  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(mock_); }

  void SetAllDown(bool down) const {
    for (int broker = 1; broker <= kBrokers; ++broker)
      down ? rd_kafka_mock_broker_set_down(mock_, broker)
           : rd_kafka_mock_broker_set_up(mock_, broker);
  }

  /// Reads `count` messages from the beginning, and what comes within a moment after them: those
  /// that are there twice.
  std::vector<Received> Consume(std::size_t count) const {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [key, value] :
         std::map<std::string, std::string>{{"bootstrap.servers", brokers()},
                                            {"group.id", "test"},
                                            {"enable.partition.eof", "true"}})
      EXPECT_EQ(rd_kafka_conf_set(conf, key.c_str(), value.c_str(), nullptr, 0), RD_KAFKA_CONF_OK);
    rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t* all = rd_kafka_topic_partition_list_new(kPartitions);
    for (int i = 0; i < kPartitions; ++i)
      rd_kafka_topic_partition_list_add(all, kTopic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, all);
    rd_kafka_topic_partition_list_destroy(all);

    std::vector<Received> received;
    std::set<std::int32_t> ended;
    while (received.size() < count || ended.size() < kPartitions) {
      rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 1000);
      if (message == nullptr) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ended.insert(message->partition);
      } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ended.erase(message->partition);
        received.push_back({std::string(static_cast<const char*>(message->key), message->key_len),
                            std::string(static_cast<const char*>(message->payload), message->len),
                            message->partition});
      }
      rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return received;
  }

 private:
  rd_kafka_t* host_ = nullptr;
  rd_kafka_mock_cluster_t* mock_ = nullptr;
};

/// What a sink has told.
class Told {
 public:
  void Install(KafkaSinkOptions& options) {
    options.on_connected = [this] { ++connected; };
    options.on_failure = [this](const Error& error) {
      const std::lock_guard lock(mutex_);
      failures_.push_back(error.Describe());
    };
  }
  std::vector<std::string> failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
  }
  std::atomic<int> connected = 0;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> failures_;
};

KafkaSinkOptions OptionsFor(const Cluster& cluster) {
  KafkaSinkOptions options;
  options.address = {cluster.brokers(), kTopic};
  options.properties = {"reconnect.backoff.ms=10", "reconnect.backoff.max.ms=50",
                        "retry.backoff.ms=10", "socket.connection.setup.timeout.ms=2000"};
  options.drain_deadline = milliseconds{30'000};
  return options;
}

std::unique_ptr<KafkaSink> OpenSink(KafkaSinkOptions options) {
  auto sink = KafkaSink::Open(std::move(options));
  EXPECT_TRUE(sink) << sink.error().Describe();
  return std::move(*sink);
}

template <class Condition>
void Await(const Condition& condition) {
  while (!condition()) std::this_thread::yield();
}

void ExpectBalanced(const SinkStats& stats) {
  EXPECT_EQ(stats.pushed_blocks, stats.written_blocks + stats.dropped_full_blocks +
                                     stats.dropped_failed_blocks + stats.dropped_closed_blocks +
                                     stats.queued_blocks);
  EXPECT_EQ(stats.pushed_bytes, stats.written_bytes + stats.dropped_full_bytes +
                                    stats.dropped_failed_bytes + stats.dropped_closed_bytes +
                                    stats.queued_bytes);
}

constexpr std::uint64_t kConnections = 16;

/// Pushes the messages numbered from `first` on, each of one of several connections.
void PushMessages(KafkaSink& sink, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    const std::uint64_t connection = 1 + static_cast<std::uint64_t>(i) % kConnections;
    EXPECT_TRUE(sink.PushOf(connection, std::to_string(i)));
  }
}

/// Every number once, those of a connection in order and in one partition.
void ExpectNumbers(const std::vector<Received>& received, int count) {
  EXPECT_EQ(received.size(), static_cast<std::size_t>(count));
  std::set<int> seen;
  std::map<std::string, int> last;
  std::map<std::string, std::int32_t> partition;
  for (const Received& message : received) {
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
  const Cluster cluster;
  Told told;
  KafkaSinkOptions options = OptionsFor(cluster);
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  PushMessages(*sink, 0, 2000);
  sink->Close();
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.written_blocks, 2000U);
  EXPECT_EQ(stats.acknowledged_blocks, 2000U);
  EXPECT_EQ(stats.connects, 1U);
  EXPECT_EQ(stats.connections, 0U);
  ExpectBalanced(stats);
  EXPECT_EQ(told.connected, 1);
  ExpectNumbers(cluster.Consume(2000), 2000);
}

TEST(KafkaSinkTest, NamesTheConnectionInTheKeyAndTakesTheFramingOff) {
  const Cluster cluster;
  KafkaSinkOptions options = OptionsFor(cluster);
  options.framing = KafkaFraming::kLengthPrefix;
  auto sink = OpenSink(options);
  EXPECT_TRUE(sink->PushOf(0xabcdef0123456789,
                           "\x03"
                           "abc"));
  EXPECT_TRUE(sink->Push(std::string("\x80\x01") + std::string(128, 'x')));
  sink->Close();
  EXPECT_EQ(sink->stats().written_bytes, 4U + 130U);
  options.framing = KafkaFraming::kNewline;
  sink = OpenSink(options);
  EXPECT_TRUE(sink->PushOf(1, "{}\n"));
  sink->Close();
  std::map<std::string, std::string> values;
  for (const Received& message : cluster.Consume(3)) values[message.key] = message.value;
  const std::map<std::string, std::string> expected{
      {"abcdef0123456789", "abc"}, {"", std::string(128, 'x')}, {"0000000000000001", "{}"}};
  EXPECT_EQ(values, expected);
}

TEST(KafkaSinkTest, LosesAndDuplicatesNothingWhileBrokersFail) {
  const Cluster cluster;
  auto sink = OpenSink(OptionsFor(cluster));
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
  sink->Close();
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.written_blocks, static_cast<std::uint64_t>(pushed));
  ExpectBalanced(stats);
  ExpectNumbers(cluster.Consume(static_cast<std::size_t>(pushed)), pushed);
}

TEST(KafkaSinkTest, HoldsWhatFitsWhileAllBrokersAreAwayAndCountsTheRest) {
  const Cluster cluster;
  cluster.SetAllDown(true);
  Told told;
  KafkaSinkOptions options = OptionsFor(cluster);
  options.queue_bytes = 100 * (KafkaSink::kBlockOverheadBytes + 10);
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  std::uint64_t taken = 0;
  for (int i = 0; i < 150; ++i) taken += sink->PushOf(1, "1234567890") ? 1 : 0;
  EXPECT_EQ(taken, 100U);
  EXPECT_EQ(sink->stats().dropped_full_blocks, 50U);
  EXPECT_EQ(sink->stats().dropped_full_bytes, 500U);
  EXPECT_EQ(sink->stats().queued_blocks, 100U);
  Await([&] { return !told.failures().empty(); });
  EXPECT_NE(told.failures().front().find(kTopic), std::string::npos) << told.failures().front();
  EXPECT_EQ(told.connected, 0);

  cluster.SetAllDown(false);
  Await([&] { return sink->stats().written_blocks == 100U; });
  Await([&] { return told.connected == 1; });
  EXPECT_EQ(sink->stats().connections, 1U);
  sink->Close();
  EXPECT_EQ(told.failures().size(), 1U);
  ExpectBalanced(sink->stats());
  EXPECT_EQ(cluster.Consume(100).size(), 100U);
}

TEST(KafkaSinkTest, CountsWhatIsNotDeliveredWhenItCloses) {
  const Cluster cluster;
  cluster.SetAllDown(true);
  KafkaSinkOptions options = OptionsFor(cluster);
  options.drain_deadline = milliseconds{1};
  auto sink = OpenSink(std::move(options));
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

TEST(KafkaSinkTest, SaysThatTheTopicIsNotThere) {
  const Cluster cluster;
  rd_kafka_mock_topic_set_error(cluster.mock(), kTopic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  Told told;
  KafkaSinkOptions options = OptionsFor(cluster);
  options.properties.emplace_back("topic.metadata.propagation.max.ms=0");
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  static_cast<void>(sink->PushOf(1, "lost"));
  Await([&] { return !told.failures().empty(); });
  EXPECT_NE(told.failures().front().find("create the topic"), std::string::npos)
      << told.failures().front();
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 1U);
  sink->Close();
  ExpectBalanced(sink->stats());
}

TEST(KafkaSinkTest, SaysOnceThatAMessageIsTooLarge) {
  const Cluster cluster;
  Told told;
  KafkaSinkOptions options = OptionsFor(cluster);
  options.properties.emplace_back("message.max.bytes=1000");
  told.Install(options);
  auto sink = OpenSink(std::move(options));
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(sink->PushOf(1, std::string(2000, 'x')));
    Await([&] { return !told.failures().empty(); });
    EXPECT_TRUE(sink->PushOf(1, "fits"));
  }
  sink->Close();
  EXPECT_EQ(told.failures().size(), 1U);
  EXPECT_NE(told.failures().front().find("message.max.bytes"), std::string::npos);
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 2U);
  EXPECT_EQ(sink->stats().written_blocks, 2U);
  ExpectBalanced(sink->stats());
}

TEST(KafkaSinkTest, RefusesPropertiesInTheWordsOfTheLibrary) {
  for (const auto& [property, text] : std::map<std::string, std::string>{{"no.such=1", "no.such"},
                                                                         {"retries=x", "retries"},
                                                                         {"linger.ms", "KEY=VALUE"},
                                                                         {"=1", "KEY=VALUE"},
                                                                         {"acks=0", "acks"}}) {
    KafkaSinkOptions options;
    options.address = {"127.0.0.1:1", kTopic};
    options.properties = {property};
    const auto sink = KafkaSink::Open(options);
    ASSERT_FALSE(sink) << property;
    EXPECT_EQ(sink.error().code, Errc::kUsage);
    EXPECT_NE(sink.error().Describe().find(text), std::string::npos) << sink.error().Describe();
  }
}

}  // namespace
}  // namespace tlscope
