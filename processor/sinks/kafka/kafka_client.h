// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <vector>

#include "processor/base/result.h"

namespace tlscope {

template <auto Free>
struct KafkaDeleter {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};
using KafkaConfPtr = std::unique_ptr<rd_kafka_conf_t, KafkaDeleter<rd_kafka_conf_destroy>>;
using KafkaPtr = std::unique_ptr<rd_kafka_t, KafkaDeleter<rd_kafka_destroy>>;
using KafkaTopicPtr = std::unique_ptr<rd_kafka_topic_t, KafkaDeleter<rd_kafka_topic_destroy>>;

/// The settings of a producer. `properties`: the user's, each "key=value"; they go before ours.
/// kUsage when librdkafka refuses one.
Result<KafkaConfPtr> MakeKafkaConf(const std::string& brokers,
                                   const std::vector<std::string>& properties);

/// Whether no message gets through, so that the next that does is news; a failure of another kind
/// is a message's own.
bool IsKafkaOutage(rd_kafka_resp_err_t code);

/// What to do about it; empty when nothing is known.
std::string KafkaRemedyFor(rd_kafka_resp_err_t code);

}  // namespace tlscope
