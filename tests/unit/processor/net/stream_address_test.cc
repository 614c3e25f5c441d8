// SPDX-License-Identifier: Apache-2.0
#include "processor/net/stream_address.h"

#include <gtest/gtest.h>

#include "processor/sinks/kafka/kafka_address.h"

namespace tlscope {
namespace {

TEST(StreamAddressTest, ReadsWhatItWrites) {
  for (const char* url : {"unix:///run/x.sock", "tcp://collector:4317", "tls://10.0.0.1:1",
                          "tls://[::1]:65535", "tcp://[fe80::1%eth0]:4317"}) {
    const auto address = ParseStreamAddress(url);
    ASSERT_TRUE(address) << url;
    EXPECT_EQ(address->Url(), url);
  }
}

TEST(StreamAddressTest, TakesTheBracketsOff) {
  const auto address = ParseStreamAddress("tls://[::1]:4317");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->kind, StreamAddress::Kind::kTls);
  EXPECT_EQ(address->host, "::1");
  EXPECT_EQ(address->port, 4317);
}

TEST(StreamAddressTest, RefusesEverythingElseAndSaysWhatWouldDo) {
  for (const std::string url :
       {"", "tcp:/h:1", "udp://h:1", "tcp://", "tcp://h", "tcp://h:", "tcp://h:0", "tcp://h:65536",
        "tcp://h:x", "tcp://:1", "tcp://::1:1", "tcp://[h]:1", "tcp://a b:1", "tcp://u@h:1",
        "tcp://h:1/x", "unix://", "unix://run/x", "TCP://h:1"}) {
    const auto address = ParseStreamAddress(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, Errc::kUsage);
    EXPECT_FALSE(address.error().remedy.empty());
  }
  EXPECT_FALSE(ParseStreamAddress("tcp://" + std::string(256, 'h') + ":1"));
}

TEST(StreamAddressTest, TakesPathsThatTheKernelTakes) {
  const std::string longest = "/" + std::string(StreamAddress::kMaxUnixPath - 1, 'p');
  EXPECT_TRUE(ParseStreamAddress("unix://" + longest));
  EXPECT_FALSE(ParseStreamAddress("unix://" + longest + "p"));
}

TEST(KafkaAddressTest, ReadsWhatItWrites) {
  for (const char* url :
       {"kafka://b/t", "kafka://b1:9092,b2/tls-events", "kafka://[::1]:9092/a.b_c"}) {
    const auto address = ParseKafkaAddress(url);
    ASSERT_TRUE(address) << url;
    EXPECT_EQ(address->Url(), url);
  }
  EXPECT_EQ(ParseKafkaAddress("kafka://b1:1,b2/t"), (KafkaAddress{"b1:1,b2", "t"}));
}

TEST(KafkaAddressTest, RefusesEverythingElse) {
  for (const std::string url : {"", "kafka://", "kafka:///t", "kafka://b", "kafka://b/",
                                "kafka://b/t/u", "kafka://b/..", "kafka://b,/t", "kafka://,b/t",
                                "kafka://a,,b/t", "kafka://b/t u", "kafka://b c/t", "tcp://b/t"}) {
    const auto address = ParseKafkaAddress(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, Errc::kUsage);
  }
  EXPECT_TRUE(ParseKafkaAddress("kafka://b/" + std::string(249, 't')));
  EXPECT_FALSE(ParseKafkaAddress("kafka://b/" + std::string(250, 't')));
}

}  // namespace
}  // namespace tlscope
