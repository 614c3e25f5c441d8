// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "tests/unit/processor/kafka_cluster.h"
#include "tests/unit/processor/sink_expectations.h"

namespace tlscope {
namespace {

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
  Await([&] { return !told.failures().empty(); });
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
