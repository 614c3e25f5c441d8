// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "processor/bus/bus_ring.h"
#include "processor/bus/subscription.h"
#include "processor/events/bus_events.h"
#include "processor/events/correlation.h"
#include "processor/events/topic.h"

namespace tlscope {

class BusPublisher;

/// Receives what is published on the topics it subscribed to, on the publisher's thread, and must
/// not block: what takes time is queued by the subscriber, or reads a Subscription.
class BusSubscriber {
 public:
  virtual ~BusSubscriber() = default;
  virtual void OnBusEvent(Topic topic, const BusPayload& payload) noexcept = 0;
};

/// Where an event stands, whatever its payload says.
struct EventMeta {
  std::uint64_t ktime_ns = 0;  ///< CLOCK_MONOTONIC
  Correlation correlation;     ///< id 0: the agent is the root
};

struct EventBusOptions {
  /// CLOCK_REALTIME minus CLOCK_MONOTONIC.
  std::int64_t realtime_offset_ns = 0;
  /// "key=value" each: every event has them.
  std::vector<std::string> tags = {};
  /// Bytes, a power of two, in which the events of one publisher of the processor are kept for
  /// those who read Subscriptions.
  std::size_t ring_bytes = std::size_t{16} << 20;
  /// Events per second that a publisher of the processor lets through on topics of `events.`; 0:
  /// any number. Losses are always told of.
  std::uint64_t max_events_per_second = 0;
};

/// The only way out of the processor, and where the agent says how it is. Two ways to listen: a
/// BusSubscriber is called with the event itself; a Subscription reads a copy later, on another
/// thread, with history. Thread-safe, except that BusSubscribers are added before publishing
/// starts.
class EventBus {
 public:
  /// Events of one publisher that a new Subscription may still ask for, if they fit the ring.
  static constexpr std::size_t kHistory = BusRing::kHistory;
  /// Kept of a publisher in a second for those who may come, while nobody reads. Of more the
  /// history would be a tenth of a second, and to keep an event costs as much as to show it.
  static constexpr std::uint64_t kUnreadPerSecond = 10 * kHistory;
  static constexpr std::size_t kMaxPublishers = 16;
  /// Kept of a body while nobody reads whole ones.
  static constexpr std::size_t kHistoryBodyBytes = 4096;
  /// Kept of a body otherwise: an event fits several times into the ring.
  static constexpr std::size_t kWholeBodyBytes = std::size_t{1} << 20;

  explicit EventBus(EventBusOptions options = {});
  ~EventBus();
  EventBus(const EventBus&) = delete;
  EventBus& operator=(const EventBus&) = delete;

  /// `subscriber` is borrowed and must outlive the last event. False when the pattern is malformed.
  [[nodiscard]] bool Subscribe(std::string_view pattern, BusSubscriber& subscriber);

  /// From now on events are kept for Subscriptions. Without, publishing to BusSubscribers is all
  /// that is done.
  void StartRecording() { recording_.store(true, std::memory_order_relaxed); }

  /// What is published from now on, and the history asked for. The bus outlives it.
  std::unique_ptr<Subscription> Subscribe(SubscribeOptions options);

  /// For one thread, which publishes much. The bus owns it. At most kMaxPublishers - 1.
  BusPublisher& MakePublisher();

  /// What the agent has to say of itself, from any thread. Takes a lock that only such calls take.
  void Publish(Topic topic, const BusPayload& payload);

  /// Events of the agent and roots that begin from now on have this stage. Says so on the bus.
  void SetStage(Stage stage);
  Stage stage() const { return stage_.load(std::memory_order_relaxed); }

  void SetMaxEventsPerSecond(std::uint64_t limit) {
    max_events_per_second_.store(limit, std::memory_order_relaxed);
  }

  /// Since the beginning, by topic; what the rate limit dropped is not in it.
  std::array<std::uint64_t, kTopics> published() const;
  std::uint64_t rate_limited() const;

  /// Events that Subscriptions were too slow for, summed over them.
  std::uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }

  /// Subscriptions now.
  std::size_t subscriptions() const { return subscriptions_.load(std::memory_order_relaxed); }

 private:
  friend class BusPublisher;
  friend class BusWaiter;
  friend class Subscription;

  std::size_t publisher_count() const { return publisher_count_.load(std::memory_order_acquire); }
  void CountReader(const SubscribeOptions& options, int change);
  void Wake();

  const EventBusOptions options_;
  const std::string encoded_tags_;
  const Correlation agent_;
  std::array<std::vector<BusSubscriber*>, kTopics> subscribers_;
  std::atomic<bool> recording_ = false;
  std::atomic<Stage> stage_ = Stage::kStarting;
  std::atomic<std::uint64_t> max_events_per_second_;

  std::mutex mutex_;  // guards what follows, as far as it is written after construction
  std::array<std::unique_ptr<BusPublisher>, kMaxPublishers> publishers_;  // the first: the agent's
  std::atomic<std::size_t> publisher_count_ = 0;
  std::array<std::uint32_t, kTopics> readers_{};
  std::array<std::uint32_t, kTopics> whole_body_readers_{};
  std::atomic<TopicSet> read_topics_ = 0;        ///< of which a Subscription wants to hear
  std::atomic<TopicSet> whole_body_topics_ = 0;  ///< and of which with whole bodies
  std::atomic<std::size_t> subscriptions_ = 0;
  std::atomic<std::uint64_t> missed_ = 0;
  std::vector<int> waiting_;                  ///< eventfds of armed BusWaiters
  std::atomic<TopicSet> awaited_topics_ = 0;  ///< of all of them

  std::mutex agent_mutex_;  // serialises the agent's publisher
};

/// A number of events in each second of CLOCK_MONOTONIC.
class EventsPerSecond {
 public:
  /// Whether one more is within `limit`; then it counts.
  bool Take(std::uint64_t limit, std::uint64_t ktime_ns);

 private:
  std::uint64_t second_began_ns_ = 0;
  std::uint64_t taken_ = 0;
};

/// Publishes from one thread at a time: wait-free, nothing is allocated once its buffers have
/// grown, and what its readers do makes no difference.
class BusPublisher {
 public:
  BusPublisher(EventBus& bus, std::size_t ring_bytes, bool limited);
  BusPublisher(const BusPublisher&) = delete;
  BusPublisher& operator=(const BusPublisher&) = delete;

  /// To the BusSubscribers in the order of their subscription, and to whoever reads later.
  void Publish(Topic topic, const EventMeta& meta, const BusPayload& payload) noexcept;

  /// Time has come to `ktime_ns`: what the rate limit dropped is told of, once a second.
  void Tick(std::uint64_t ktime_ns);

  /// Tells of what it dropped last.
  void TellOfLimit(std::uint64_t ktime_ns);

  /// Whether anybody listens: lets a publisher skip making what nobody wants.
  bool Wants(Topic topic) const;

  /// The agent's stage, for roots that begin now.
  Stage stage() const { return bus_.stage(); }

  std::uint64_t rate_limited() const { return rate_limited_.load(std::memory_order_relaxed); }
  /// By this publisher, since the beginning.
  std::uint64_t published(Topic topic) const {
    return published_[static_cast<std::size_t>(topic)].load(std::memory_order_relaxed);
  }

 private:
  friend class Subscription;

  bool Admit(Topic topic, std::uint64_t ktime_ns);
  bool Records(Topic topic) const;
  bool Keeps(Topic topic, std::uint64_t ktime_ns);
  void Deliver(Topic topic, const EventMeta& meta, const BusPayload& payload) noexcept;
  void Record(Topic topic, const EventMeta& meta, const BusPayload& payload);

  BusRing ring_;  // first: it is aligned to cache lines
  EventBus& bus_;
  const bool limited_;
  std::vector<char> buffer_;
  std::uint64_t sequence_ = 0;  ///< of the latest event recorded
  EventsPerSecond admitted_;
  EventsPerSecond kept_unread_;
  std::uint64_t untold_ = 0;  ///< dropped by the limit since it was last told of
  std::uint64_t told_ns_ = 0;
  std::atomic<std::uint64_t> rate_limited_ = 0;
  std::array<std::atomic<std::uint64_t>, kTopics> published_{};
};

/// Lets a thread sleep in poll(2) until something is published. One thread.
class BusWaiter {
 public:
  explicit BusWaiter(EventBus& bus);
  ~BusWaiter();
  BusWaiter(const BusWaiter&) = delete;
  BusWaiter& operator=(const BusWaiter&) = delete;

  /// Readable once an event of the armed topics was published.
  int fd() const { return fd_; }

  /// What is published on these topics from now on wakes, once. Look at the Subscriptions after
  /// this and before sleeping: what came before it wakes nobody.
  void Arm(TopicSet topics);

  /// Makes `fd` unreadable again.
  void Clear();

 private:
  EventBus& bus_;
  int fd_;
};

}  // namespace tlscope
