// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "tests/unit/await.h"
#include "tests/unit/processor/sinks/kafka/kafka_cluster.h"
#include "tests/unit/processor/sinks/sink_expectations.h"
#include "tests/unit/processor/sinks/stream/stream_peer.h"

namespace tlscope {
namespace {

/// With the zeros that are in it.
template <std::size_t Size>
std::string Bytes(const char (&text)[Size]) {
  return {text, Size - 1};
}

/// Reads a request and answers it: https://kafka.apache.org/protocol#protocol_messages
void AnswerKafka(StreamPeer& peer, const std::string& answer) {
  const std::string length = peer.Read(4);
  std::size_t bytes = 0;
  for (const char byte : length) bytes = bytes << 8 | static_cast<unsigned char>(byte);
  // After what it asks for, in which version, comes its number, which the answer repeats.
  const std::string number = peer.Read(bytes).substr(4, 4);
  const auto answer_bytes = static_cast<char>(number.size() + answer.size());
  EXPECT_TRUE(peer.Write(std::string(3, '\0') + answer_bytes + number + answer));
}

TEST(KafkaSinkFailuresTest, SaysThatTheTopicIsNotThere) {
  const KafkaCluster cluster;
  rd_kafka_mock_topic_set_error(cluster.mock(), kKafkaTopic,
                                RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  KafkaTold told;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.properties.emplace_back("topic.metadata.propagation.max.ms=0");
  told.Install(options);
  auto sink = OpenKafkaSink(std::move(options));
  static_cast<void>(sink->PushOf(1, "lost"));
  AwaitFor("a failure", [&] { return !told.failures().empty(); });
  EXPECT_NE(told.failures().front().find("create the topic"), std::string::npos)
      << told.failures().front();
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 1U);
  sink->Close();
  ExpectBalanced(sink->stats());
}

TEST(KafkaSinkFailuresTest, SaysOnceThatAMessageIsTooLarge) {
  const KafkaCluster cluster;
  KafkaTold told;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.properties.emplace_back("message.max.bytes=1000");
  told.Install(options);
  auto sink = OpenKafkaSink(std::move(options));
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(sink->PushOf(1, std::string(2000, 'x')));
    AwaitFor("a failure", [&] { return !told.failures().empty(); });
    EXPECT_TRUE(sink->PushOf(1, "fits"));
  }
  sink->Close();
  EXPECT_EQ(told.failures().size(), 1U);
  EXPECT_NE(told.failures().front().find("message.max.bytes"), std::string::npos);
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 2U);
  EXPECT_EQ(sink->stats().written_blocks, 2U);
  ExpectBalanced(sink->stats());
}

TEST(KafkaSinkFailuresTest, SaysWhatAClientMayNotDoAndRefusesTheRest) {
  const KafkaCluster cluster;
  rd_kafka_mock_push_request_errors(cluster.mock(), kInitProducerIdRequest, 1,
                                    RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
  KafkaTold told;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.when_full = WhenFull::kWait;
  options.queue_bytes = 1;
  told.Install(options);
  auto sink = OpenKafkaSink(std::move(options));
  AwaitFor("a refused message", [&] { return !sink->PushOf(1, "message"); });
  AwaitFor("a failure", [&] { return !told.failures().empty(); });
  EXPECT_NE(told.failures().front().find("enable.idempotence=false"), std::string::npos)
      << told.failures().front();
  // The library refuses by itself before the sink has heard of it; from here on the sink does.
  EXPECT_FALSE(sink->PushOf(1, "message"));
  sink->Close();
  EXPECT_GT(sink->stats().dropped_closed_blocks, 0U);
  EXPECT_EQ(sink->stats().written_blocks, 0U);
  ExpectBalanced(sink->stats());
}

TEST(KafkaSinkFailuresTest, LetsNoBrokerWriteToTheTerminal) {
  const Listener broker;
  KafkaTold told;
  KafkaSinkOptions options;
  options.address = {"127.0.0.1:" + std::to_string(broker.address().port), kKafkaTopic};
  options.properties = {"security.protocol=sasl_plaintext", "sasl.mechanism=PLAIN",
                        "sasl.username=user", "sasl.password=password", "enable.idempotence=false",
                        // A SaslHandshake comes first.
                        "api.version.request=false", "broker.version.fallback=0.10.0"};
  options.drain_deadline = std::chrono::milliseconds{1};
  told.Install(options);
  auto sink = OpenKafkaSink(std::move(options));
  StreamPeer peer = broker.Accept();
  // It offers no more than the first version of requests for what there is, and to begin with SASL;
  // and for that a mechanism that is not the client's.
  AnswerKafka(peer, Bytes("\x00\x23\x00\x00\x00\x00"));
  AnswerKafka(peer,
              Bytes("\x00\x00\x00\x00\x00\x02\x00\x11\x00\x00\x00\x00\x00\x12\x00\x00\x00\x00"));
  AnswerKafka(peer, Bytes("\x00\x21\x00\x00\x00\x01\x00\x04\x1b[2J"));
  AwaitFor("a failure", [&] { return !told.failures().empty(); });
  EXPECT_NE(told.failures().front().find("?[2J"), std::string::npos) << told.failures().front();
}

TEST(KafkaSinkFailuresTest, PassesOnWhatTheLibrarySays) {
  const KafkaCluster cluster;
  std::atomic<bool> said = false;
  KafkaSinkOptions options = KafkaOptionsFor(cluster);
  options.properties.emplace_back("debug=broker");
  options.on_log = [&](const std::string& text) { said = said || !text.empty(); };
  auto sink = OpenKafkaSink(std::move(options));
  AwaitFor("a line of the log", [&] { return said.load(); });
  sink->Close();
}

TEST(KafkaSinkFailuresTest, RefusesPropertiesInTheWordsOfTheLibrary) {
  for (const auto& [property, text] : std::map<std::string, std::string>{{"no.such=1", "no.such"},
                                                                         {"retries=x", "retries"},
                                                                         {"linger.ms", "KEY=VALUE"},
                                                                         {"=1", "KEY=VALUE"},
                                                                         {"acks=0", "acks"}}) {
    KafkaSinkOptions options;
    options.address = {"127.0.0.1:1", kKafkaTopic};
    options.properties = {property};
    const auto sink = KafkaSink::Open(options);
    ASSERT_FALSE(sink) << property;
    EXPECT_EQ(sink.error().code, Errc::kUsage);
    EXPECT_NE(sink.error().Describe().find(text), std::string::npos) << sink.error().Describe();
  }
}

}  // namespace
}  // namespace tlscope
