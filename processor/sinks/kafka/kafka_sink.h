// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "processor/base/result.h"
#include "processor/sinks/kafka/kafka_address.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// What of a block does not go into the message that it becomes.
enum class KafkaFraming : std::uint8_t {
  kNone,          ///< all of it goes
  kLengthPrefix,  ///< the varint before it: delimited messages of Protocol Buffers
  kNewline,       ///< the line's end: JSON Lines
};

/// Where a KafkaSink sends blocks, and how.
struct KafkaSinkOptions {
  KafkaAddress address;
  /// Of librdkafka, each "key=value". They go before what the sink sets by itself.
  std::vector<std::string> properties = {};
  KafkaFraming framing = KafkaFraming::kNone;

  /// Of blocks not yet delivered, each counted with KafkaSink::kBlockOverheadBytes.
  std::uint64_t queue_bytes = 64U << 20;
  WhenFull when_full = WhenFull::kDrop;

  /// Called on the sink's thread at the first delivery, and at the first after a reported failure
  /// that let none through. Must not call Close; the same below.
  std::function<void()> on_connected = {};
  /// Called on the sink's thread at the first failure of a kind: of those that let no message
  /// through (no broker answers, the topic is not there) since the start or the last on_connected,
  /// of others (a message is too large) since the start.
  std::function<void(const Error& error)> on_failure = {};
  /// What librdkafka has to say. On the sink's thread.
  std::function<void(const std::string& text)> on_log = {};

  /// How long Close waits for deliveries.
  std::chrono::milliseconds drain_deadline{2'000};
};

/// Produces one message per block to a topic of Kafka, through librdkafka. The key is the
/// connection's id as 16 hexadecimal digits, so that a connection's messages stay in one partition
/// and in order; blocks of no connection have none. Retries neither reorder nor duplicate.
class KafkaSink final : public Sink {
 public:
  /// About what librdkafka keeps per message besides its bytes.
  static constexpr std::uint64_t kBlockOverheadBytes = 256;

  /// Starts to connect; that nobody answers is no failure. kUsage when librdkafka refuses a
  /// property.
  static Result<std::unique_ptr<KafkaSink>> Open(KafkaSinkOptions options);
  /// Does not wait for a name server that does not answer.
  ~KafkaSink() override;
  KafkaSink(const KafkaSink&) = delete;
  KafkaSink& operator=(const KafkaSink&) = delete;

  /// A block larger than the whole queue is taken when the queue is empty.
  [[nodiscard]] bool Push(std::string block) override { return PushOf(0, std::move(block)); }
  [[nodiscard]] bool PushOf(std::uint64_t connection, std::string block) override;
  void Flush() override;
  /// Not from several threads at once.
  void Close() override;
  SinkStats stats() const override;

 private:
  class Impl;
  explicit KafkaSink(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace tlscope
