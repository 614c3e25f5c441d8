// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "processor/sinks/kafka/kafka_sink.h"
#include "tests/unit/await.h"

namespace tlscope {

constexpr const char* kKafkaTopic = "events";
constexpr int kPartitions = 4;
constexpr int kBrokers = 3;
// Of the protocol: https://kafka.apache.org/protocol#protocol_api_keys
constexpr std::int16_t kProduceRequest = 0;
constexpr std::int16_t kInitProducerIdRequest = 22;

struct KafkaReceived {
  std::string key;
  std::string value;
  std::int32_t partition;
};

/// librdkafka's own brokers, in this process, with one topic.
class KafkaCluster {
 public:
  KafkaCluster() {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    // Only a place for the brokers to live in, which has none of its own to talk to.
    EXPECT_EQ(rd_kafka_conf_set(conf, "log_level", "0", nullptr, 0), RD_KAFKA_CONF_OK);
    host_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    mock_ = rd_kafka_mock_cluster_new(host_, kBrokers);
    EXPECT_EQ(rd_kafka_mock_topic_create(mock_, kKafkaTopic, kPartitions, 1),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  ~KafkaCluster() {
    rd_kafka_mock_cluster_destroy(mock_);
    rd_kafka_destroy(host_);
  }
  KafkaCluster(const KafkaCluster&) = delete;
  KafkaCluster& operator=(const KafkaCluster&) = delete;

  rd_kafka_mock_cluster_t* mock() const { return mock_; }
  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(mock_); }

  void SetAllDown(bool down) const {
    for (int broker = 1; broker <= kBrokers; ++broker)
      down ? rd_kafka_mock_broker_set_down(mock_, broker)
           : rd_kafka_mock_broker_set_up(mock_, broker);
  }

  /// Reads `count` messages from the beginning, and what comes within a moment after them: those
  /// that are there twice.
  std::vector<KafkaReceived> Consume(std::size_t count) const {
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
      rd_kafka_topic_partition_list_add(all, kKafkaTopic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, all);
    rd_kafka_topic_partition_list_destroy(all);

    std::vector<KafkaReceived> received;
    std::set<std::int32_t> ended;
    AwaitFor(std::to_string(count) + " messages and the end of each partition", [&] {
      if (received.size() >= count && ended.size() == kPartitions) return true;
      rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 1000);
      if (message == nullptr) return false;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ended.insert(message->partition);
      } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ended.erase(message->partition);
        received.push_back({std::string(static_cast<const char*>(message->key), message->key_len),
                            std::string(static_cast<const char*>(message->payload), message->len),
                            message->partition});
      }
      rd_kafka_message_destroy(message);
      return false;
    });
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return received;
  }

 private:
  rd_kafka_t* host_ = nullptr;
  rd_kafka_mock_cluster_t* mock_ = nullptr;
};

/// What a sink has told.
class KafkaTold {
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

inline KafkaSinkOptions KafkaOptionsFor(const KafkaCluster& cluster) {
  KafkaSinkOptions options;
  options.address = {cluster.brokers(), kKafkaTopic};
  options.properties = {"reconnect.backoff.ms=10", "reconnect.backoff.max.ms=50",
                        "retry.backoff.ms=10", "socket.connection.setup.timeout.ms=2000"};
  options.drain_deadline = std::chrono::seconds{30};
  return options;
}

inline std::unique_ptr<KafkaSink> OpenKafkaSink(KafkaSinkOptions options) {
  auto sink = KafkaSink::Open(std::move(options));
  EXPECT_TRUE(sink) << sink.error().Describe();
  return std::move(*sink);
}

constexpr std::uint64_t kConnections = 16;

/// Pushes the messages numbered from `first` on, each of one of several connections.
inline void PushMessages(KafkaSink& sink, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    const std::uint64_t connection = 1 + static_cast<std::uint64_t>(i) % kConnections;
    EXPECT_TRUE(sink.PushOf(connection, std::to_string(i)));
  }
}

}  // namespace tlscope
