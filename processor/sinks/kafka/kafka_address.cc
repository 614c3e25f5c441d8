// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/kafka/kafka_address.h"

#include <algorithm>
#include <string_view>

namespace tlscope {
namespace {

constexpr std::string_view kPrefix = "kafka://";

// Kafka's own rule (org.apache.kafka.common.internals.Topic).
constexpr std::size_t kMaxTopicBytes = 249;

bool IsTopic(std::string_view topic) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !topic.empty() && topic.size() <= kMaxTopicBytes && topic != "." && topic != ".." &&
         std::all_of(topic.begin(), topic.end(), legal);
}

bool IsBrokerList(std::string_view brokers) {
  if (brokers.empty() || brokers.front() == ',' || brokers.back() == ',') return false;
  if (brokers.find(",,") != std::string_view::npos) return false;
  return std::all_of(brokers.begin(), brokers.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '/' && c != '@' && c != '?' && c != '#';
  });
}

}  // namespace

Result<KafkaAddress> ParseKafkaAddress(const std::string& url) {
  const std::string what = "send to '" + url + "'";
  const std::string form = "give kafka://BROKER[:PORT][,BROKER...]/TOPIC";
  if (!url.starts_with(kPrefix)) return Fail(Errc::kUsage, 0, what, form);
  const std::string rest = url.substr(kPrefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string::npos) return Fail(Errc::kUsage, 0, what, form);
  KafkaAddress address{rest.substr(0, slash), rest.substr(slash + 1)};
  if (!IsBrokerList(address.brokers)) return Fail(Errc::kUsage, 0, what, form);
  if (!IsTopic(address.topic)) {
    return Fail(Errc::kUsage, 0, what,
                "a topic's name has 1 to 249 letters, digits, '.', '_' and '-'");
  }
  return address;
}

}  // namespace tlscope
