// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "processor/base/result.h"

namespace tlscope {

/// Which topic of which cluster.
struct KafkaAddress {
  std::string brokers;  ///< "b1,b2:9093", as librdkafka's bootstrap.servers; the port is 9092
  std::string topic;

  /// "kafka://b1,b2:9093/topic".
  std::string Url() const { return "kafka://" + brokers + "/" + topic; }

  bool operator==(const KafkaAddress&) const = default;
};

/// Reads what Url() writes. kUsage when it is nothing of the kind.
Result<KafkaAddress> ParseKafkaAddress(const std::string& url);

}  // namespace tlscope
