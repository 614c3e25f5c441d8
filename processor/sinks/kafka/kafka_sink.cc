// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/kafka/kafka_sink.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <mutex>
#include <set>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "processor/base/thread_signals.h"
#include "processor/sinks/kafka/kafka_client.h"
#include "processor/sinks/sink_account.h"
#include "processor/text/printable.h"

namespace tlscope {
namespace {

using Fate = SinkAccount::Fate;

// How long the thread that hears of deliveries may take to see Close.
constexpr int kPollMs = 50;
// How long librdkafka may take to give back what it was told to give up; and then to end.
constexpr int kPurgeMs = 1'000;
constexpr std::chrono::milliseconds kEndPatience{500};

using Key = std::array<char, 16>;

Key KeyOf(std::uint64_t connection) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  Key key;
  for (std::size_t i = key.size(); i-- > 0; connection >>= 4U) key[i] = kDigits[connection & 0xf];
  return key;
}

// Of 64 bits.
constexpr std::size_t kMaxVarintBytes = 10;

std::string_view WithoutFraming(std::string_view block, KafkaFraming framing) {
  if (framing == KafkaFraming::kNewline) {
    if (block.ends_with('\n')) block.remove_suffix(1);
  } else if (framing == KafkaFraming::kLengthPrefix) {
    std::size_t prefix = 0;
    while (prefix < std::min(block.size(), kMaxVarintBytes - 1) &&
           (static_cast<unsigned char>(block[prefix]) & 0x80U) != 0)
      ++prefix;
    block.remove_prefix(std::min(prefix + 1, block.size()));
  }
  return block;
}

// librdkafka keeps a word with each message and hands it back with the delivery: here the bytes of
// the block that the message was made of, of which the framing is not in the message.
void* WordOf(std::size_t block_bytes) { return std::bit_cast<void*>(std::uintptr_t{block_bytes}); }
std::size_t BlockBytesOf(const rd_kafka_message_t& message) {
  return std::bit_cast<std::uintptr_t>(message._private);
}

Fate FateOf(const rd_kafka_message_t& message) {
  const rd_kafka_msg_status_t status = rd_kafka_message_status(&message);
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED ? Fate::kDroppedFailed : Fate::kUnconfirmed;
  }
  // With acks=0 nobody says anything.
  return status == RD_KAFKA_MSG_STATUS_PERSISTED ? Fate::kAcknowledged : Fate::kWritten;
}

}  // namespace

class KafkaSink::Impl {
 public:
  explicit Impl(KafkaSinkOptions options) : options_(std::move(options)) {}
  ~Impl() { Close(); }

  Result<void> Open();
  bool Push(std::uint64_t connection, std::string_view block);
  void Flush();
  void Close();
  SinkStats stats() const;

 private:
  static void OnDelivery(rd_kafka_t* kafka, const rd_kafka_message_t* message, void* self) noexcept;
  static void OnError(rd_kafka_t* kafka, int code, const char* reason, void* self) noexcept;
  static void OnLog(const rd_kafka_t* kafka, int level, const char* facility,
                    const char* text) noexcept;

  bool Reserve(std::size_t bytes);
  bool HasRoomFor(std::size_t bytes) const;  // needs mutex_
  bool Produce(std::uint64_t connection, std::string_view block);
  void Refused(std::size_t bytes, rd_kafka_resp_err_t code);

  // On the sink's thread.
  void Run(const std::stop_token& stop);
  void Drain();
  void Delivered(const rd_kafka_message_t& message);
  void TakesMessages();
  void BrokersAreAway(const std::string& reason);
  void Report(rd_kafka_resp_err_t code, const std::string& text);

  const KafkaSinkOptions options_;

  mutable std::mutex mutex_;      // guards what follows
  std::condition_variable room_;  // those who wait for it, with WhenFull::kWait and in Flush
  bool closed_ = false;
  bool connected_ = false;  // messages are taken
  std::uint64_t connects_ = 0;
  std::uint64_t connect_failures_ = 0;
  SinkAccount account_;

  /// Of a message that was refused when it was pushed; the sink's thread reports it.
  std::atomic<rd_kafka_resp_err_t> refusal_ = RD_KAFKA_RESP_ERR_NO_ERROR;

  // The sink's thread's own.
  std::set<rd_kafka_resp_err_t> reported_;  // outages: since the last on_connected
  std::string last_reason_;                 // why a broker could not be reached
  bool told_connected_ = false;

  KafkaPtr kafka_;
  KafkaTopicPtr topic_;
  std::jthread thread_;  // last: it is joined before anything it uses goes
};

Result<void> KafkaSink::Impl::Open() {
  TLSCOPE_TRY(auto conf, MakeKafkaConf(options_.address.brokers, options_.properties));
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDelivery);
  rd_kafka_conf_set_error_cb(conf.get(), OnError);
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  char why[512] = "";
  kafka_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why, sizeof why));
  if (!kafka_) return Fail(Errc::kUsage, 0, "start Kafka's client: " + std::string(why));
  static_cast<void>(conf.release());  // it is the client's now
  rd_kafka_set_log_queue(kafka_.get(), nullptr);
  topic_.reset(rd_kafka_topic_new(kafka_.get(), options_.address.topic.c_str(), nullptr));
  if (!topic_) {
    return Fail(
        Errc::kUsage, 0,
        "use the topic " + options_.address.topic + ": " + rd_kafka_err2str(rd_kafka_last_error()));
  }
  try {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  } catch (const std::system_error& error) {
    return Fail(Errc::kSystem, error.code().value(), "start the thread that hears of deliveries");
  }
  return {};
}

bool KafkaSink::Impl::Push(std::uint64_t connection, std::string_view block) {
  return block.empty() || (Reserve(block.size()) && Produce(connection, block));
}

/// Whether there is room for a block, which then counts as queued.
bool KafkaSink::Impl::Reserve(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  if (options_.when_full == WhenFull::kWait)
    account_.Await(room_, lock, [&] { return closed_ || HasRoomFor(bytes); });
  if (closed_) {
    account_.RefusedClosed(bytes);
    return false;
  }
  if (!HasRoomFor(bytes)) {
    account_.RefusedFull(bytes);
    return false;
  }
  account_.Taken(bytes);
  return true;
}

bool KafkaSink::Impl::HasRoomFor(std::size_t bytes) const {
  const std::uint64_t held =
      account_.queued_bytes() + (account_.queued_blocks() + 1) * kBlockOverheadBytes + bytes;
  return account_.queued_blocks() == 0 || held <= options_.queue_bytes;
}

bool KafkaSink::Impl::Produce(std::uint64_t connection, std::string_view block) {
  const std::string_view value = WithoutFraming(block, options_.framing);
  const Key key = KeyOf(connection);
  // The library's own queue may be set to be smaller than ours.
  const int wait = options_.when_full == WhenFull::kWait ? RD_KAFKA_MSG_F_BLOCK : 0;
  // Payload is copied, not changed: the parameter is not const because it could be taken over.
  const int result = rd_kafka_produce(topic_.get(), RD_KAFKA_PARTITION_UA,
                                      RD_KAFKA_MSG_F_COPY | wait, const_cast<char*>(value.data()),
                                      value.size(), connection == 0 ? nullptr : key.data(),
                                      connection == 0 ? 0 : key.size(), WordOf(block.size()));
  if (result == 0) return true;
  Refused(block.size(), rd_kafka_last_error());
  return false;
}

void KafkaSink::Impl::Refused(std::size_t bytes, rd_kafka_resp_err_t code) {
  const bool full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
  // What is fatal OnError says, with its cause.
  if (!full && code != RD_KAFKA_RESP_ERR__FATAL) refusal_ = code;
  const std::lock_guard lock(mutex_);
  account_.Settle(full ? Fate::kDroppedFull : Fate::kDroppedFailed, bytes);
  room_.notify_all();
}

void KafkaSink::Impl::Flush() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return closed_ || account_.queued_blocks() == 0; });
}

void KafkaSink::Impl::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  room_.notify_all();
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

SinkStats KafkaSink::Impl::stats() const {
  const std::lock_guard lock(mutex_);
  SinkStats stats = account_.stats();
  stats.connects = connects_;
  stats.connect_failures = connect_failures_;
  stats.connections = connected_ ? 1 : 0;
  return stats;
}

void KafkaSink::Impl::Run(const std::stop_token& stop) {
  BlockSignalsOnThisThread();
  while (!stop.stop_requested()) {
    rd_kafka_poll(kafka_.get(), kPollMs);
    const auto refusal = refusal_.exchange(RD_KAFKA_RESP_ERR_NO_ERROR);
    if (refusal != RD_KAFKA_RESP_ERR_NO_ERROR) Report(refusal, rd_kafka_err2str(refusal));
  }
  Drain();
}

void KafkaSink::Impl::Drain() {
  rd_kafka_flush(kafka_.get(), static_cast<int>(options_.drain_deadline.count()));
  // Without waiting for its threads, of which one may wait for a name server.
  rd_kafka_purge(kafka_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                   RD_KAFKA_PURGE_F_NON_BLOCKING);
  rd_kafka_flush(kafka_.get(), kPurgeMs);
  const std::lock_guard lock(mutex_);
  // Of what librdkafka has not said anything, nobody will.
  account_.SettleAll(Fate::kUnconfirmed);
  connected_ = false;
}

void KafkaSink::Impl::OnDelivery(rd_kafka_t* /*kafka*/, const rd_kafka_message_t* message,
                                 void* self) noexcept {
  static_cast<Impl*>(self)->Delivered(*message);
}

void KafkaSink::Impl::Delivered(const rd_kafka_message_t& message) {
  const std::size_t bytes = BlockBytesOf(message);
  {
    const std::lock_guard lock(mutex_);
    account_.Settle(FateOf(message), bytes);
    room_.notify_all();
  }
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) return TakesMessages();
  // At the end: counted, and no news.
  if (message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
      message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
    return;
  Report(message.err, rd_kafka_err2str(message.err));
}

void KafkaSink::Impl::TakesMessages() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(connected_, true)) ++connects_;
  }
  const bool outage_is_over = std::erase_if(reported_, IsKafkaOutage) > 0;
  if (std::exchange(told_connected_, true) && !outage_is_over) return;
  last_reason_.clear();
  if (options_.on_connected) options_.on_connected();
}

void KafkaSink::Impl::OnError(rd_kafka_t* kafka, int code, const char* reason,
                              void* self) noexcept {
  auto& sink = *static_cast<Impl*>(self);
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return sink.BrokersAreAway(reason);
  if (code != RD_KAFKA_RESP_ERR__FATAL) {
    // One broker of several, or one try of many.
    sink.last_reason_ = reason;
    return;
  }
  char why[512] = "";
  const auto cause = rd_kafka_fatal_error(kafka, why, sizeof why);
  {
    const std::lock_guard lock(sink.mutex_);
    sink.closed_ = true;
    sink.connected_ = false;
  }
  sink.room_.notify_all();
  sink.Report(cause, why);
}

void KafkaSink::Impl::BrokersAreAway(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    ++connect_failures_;
    connected_ = false;
  }
  Report(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, last_reason_.empty() ? reason : last_reason_);
}

void KafkaSink::Impl::Report(rd_kafka_resp_err_t code, const std::string& text) {
  if (!reported_.insert(code).second || !options_.on_failure) return;
  // Some of it are words of a broker.
  options_.on_failure({Errc::kSystem, 0,
                       "send to " + options_.address.Url() + ": " + PrintableAscii(text),
                       KafkaRemedyFor(code)});
}

void KafkaSink::Impl::OnLog(const rd_kafka_t* kafka, int /*level*/, const char* facility,
                            const char* text) noexcept {
  const auto* sink = static_cast<const Impl*>(rd_kafka_opaque(kafka));
  if (sink->options_.on_log)
    sink->options_.on_log(PrintableAscii(std::string(facility) + ": " + text));
}

Result<std::unique_ptr<KafkaSink>> KafkaSink::Open(KafkaSinkOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  TLSCOPE_TRY(impl->Open());
  return std::unique_ptr<KafkaSink>(new KafkaSink(std::move(impl)));
}

KafkaSink::KafkaSink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

KafkaSink::~KafkaSink() {
  impl_->Close();
  std::promise<void> promise;
  const std::future<void> ended = promise.get_future();
  try {
    std::thread([impl = std::move(impl_), promise = std::move(promise)]() mutable {
      BlockSignalsOnThisThread();
      // librdkafka waits for its threads, of which one may wait for a name server; nothing calls
      // back any longer.
      impl.reset();
      promise.set_value();
    }).detach();
  } catch (const std::system_error&) {
    return;  // with no thread to spare it was destroyed on this one
  }
  ended.wait_for(kEndPatience);
}

bool KafkaSink::PushOf(std::uint64_t connection, std::string block) {
  return impl_->Push(connection, block);
}

void KafkaSink::Flush() { impl_->Flush(); }

void KafkaSink::Close() { impl_->Close(); }

SinkStats KafkaSink::stats() const { return impl_->stats(); }

}  // namespace tlscope
