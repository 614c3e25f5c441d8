// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/kafka/kafka_client.h"

namespace tlscope {
namespace {

struct Property {
  const char* key;
  const char* value;
};

// What the user's properties may change.
constexpr Property kDefaults[] = {
    {"client.id", "tlscope"},
    // Retries neither reorder nor duplicate.
    {"enable.idempotence", "true"},
    // The same as that of Kafka's Java clients.
    {"partitioner", "murmur2_random"},
    // Brokers may be away for as long as the queue lasts.
    {"message.timeout.ms", "0"},
    // The sink has its own limit, which is exact.
    {"queue.buffering.max.messages", "10000000"},
    {"queue.buffering.max.kbytes", "2147483647"},
    {"log.queue", "true"},
};

}  // namespace

Result<KafkaConfPtr> MakeKafkaConf(const std::string& brokers,
                                   const std::vector<std::string>& properties) {
  KafkaConfPtr conf(rd_kafka_conf_new());
  char why[512] = "";
  const auto set = [&](const std::string& key, const std::string& value) -> Result<void> {
    if (rd_kafka_conf_set(conf.get(), key.c_str(), value.c_str(), why, sizeof why) ==
        RD_KAFKA_CONF_OK)
      return {};
    return Fail(Errc::kUsage, 0, "set up Kafka's client: " + std::string(why),
                "see CONFIGURATION.md of librdkafka for its properties");
  };
  for (const Property& property : kDefaults) {
    TLSCOPE_TRY(set(property.key, property.value));
  }
  TLSCOPE_TRY(set("bootstrap.servers", brokers));
  for (const std::string& property : properties) {
    const std::size_t equals = property.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Fail(Errc::kUsage, 0,
                  "set up Kafka's client with '" + property.substr(0, equals) + "'",
                  "give properties as KEY=VALUE");
    }
    TLSCOPE_TRY(set(property.substr(0, equals), property.substr(equals + 1)));
  }
  return conf;
}

bool IsKafkaOutage(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

std::string KafkaRemedyFor(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      return "see that the brokers are up and speak what is spoken to them (security.protocol)";
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return "create the topic, or let the brokers do so (auto.create.topics.enable)";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "let this client write to the topic";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "let this client write idempotently, or set enable.idempotence=false";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return "raise message.max.bytes here, and max.message.bytes of the topic";
    default:
      return {};
  }
}

}  // namespace tlscope
