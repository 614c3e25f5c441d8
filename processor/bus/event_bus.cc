// SPDX-License-Identifier: Apache-2.0
#include "processor/bus/event_bus.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "processor/base/clock.h"
#include "processor/base/keyed_hash.h"
#include "processor/wire/bus_codec.h"
#include "processor/wire/connection_codec.h"

namespace tlscope {
namespace {

constexpr std::size_t kAgentRingBytes = std::size_t{256} << 10;
constexpr std::uint64_t kSecondNs = 1'000'000'000;

// Nobody misses what nobody asked for, and making them costs: only kept while somebody reads them.
constexpr TopicSet kOnlyWhenRead = Only(Topic::kHttpFrame) | Only(Topic::kTlsPlaintext);

// What the limit is there to limit; that something is lost has to be heard all the more.
constexpr TopicSet LimitedTopics() {
  TopicSet topics = 0;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(Topic::kWebSocketMessage); ++i) {
    topics |= TopicSet{1} << i;
  }
  return topics & ~Only(Topic::kTlsLost);
}

}  // namespace

EventBus::EventBus(EventBusOptions options)
    : options_(std::move(options)),
      encoded_tags_(EncodeTags(options_.tags)),
      agent_(Correlation::Root(RandomId(), Stage::kStarting)),
      max_events_per_second_(options_.max_events_per_second) {
  publishers_[0] = std::make_unique<BusPublisher>(*this, kAgentRingBytes, false);
  publisher_count_ = 1;
}

EventBus::~EventBus() = default;

bool EventBus::Subscribe(std::string_view pattern, BusSubscriber& subscriber) {
  if (!ValidTopicPattern(pattern)) return false;
  const TopicSet topics = TopicsOf(pattern);
  for (std::size_t i = 0; i < kTopics; ++i) {
    if ((topics & TopicSet{1} << i) != 0) subscribers_[i].push_back(&subscriber);
  }
  return true;
}

std::unique_ptr<Subscription> EventBus::Subscribe(SubscribeOptions options) {
  return std::unique_ptr<Subscription>(new Subscription(*this, std::move(options)));
}

BusPublisher& EventBus::MakePublisher() {
  const std::lock_guard lock(mutex_);
  const std::size_t count = publisher_count();
  if (count == kMaxPublishers) throw std::length_error("EventBus: publishers");
  publishers_[count] = std::make_unique<BusPublisher>(*this, options_.ring_bytes, true);
  publisher_count_.store(count + 1, std::memory_order_release);
  return *publishers_[count];
}

void EventBus::Publish(Topic topic, const BusPayload& payload) {
  const std::lock_guard lock(agent_mutex_);
  publishers_[0]->Publish(topic, EventMeta{MonotonicNs(), {}}, payload);
}

void EventBus::SetStage(Stage stage) {
  const Stage previous = stage_.exchange(stage, std::memory_order_relaxed);
  if (previous != stage) Publish(Topic::kAgentTask, StageEvent{stage, previous});
}

std::array<std::uint64_t, kTopics> EventBus::published() const {
  std::array<std::uint64_t, kTopics> published{};
  for (std::size_t i = 0; i < publisher_count(); ++i) {
    for (std::size_t topic = 0; topic < kTopics; ++topic) {
      published[topic] += publishers_[i]->published(static_cast<Topic>(topic));
    }
  }
  return published;
}

std::uint64_t EventBus::rate_limited() const {
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < publisher_count(); ++i) dropped += publishers_[i]->rate_limited();
  return dropped;
}

void EventBus::CountReader(const SubscribeOptions& options, int change) {
  const std::lock_guard lock(mutex_);
  subscriptions_ += static_cast<std::size_t>(change);
  TopicSet read = 0;
  TopicSet whole = 0;
  for (std::size_t i = 0; i < kTopics; ++i) {
    const TopicSet bit = TopicSet{1} << i;
    if ((options.topics & bit) != 0) {
      readers_[i] += static_cast<std::uint32_t>(change);
      if (options.whole_bodies) whole_body_readers_[i] += static_cast<std::uint32_t>(change);
    }
    if (readers_[i] != 0) read |= bit;
    if (whole_body_readers_[i] != 0) whole |= bit;
  }
  read_topics_.store(read, std::memory_order_relaxed);
  whole_body_topics_.store(whole, std::memory_order_relaxed);
}

void EventBus::Wake() {
  const std::lock_guard lock(mutex_);
  awaited_topics_.store(0, std::memory_order_relaxed);
  for (const int fd : waiting_) eventfd_write(fd, 1);
  waiting_.clear();
}

bool EventsPerSecond::Take(std::uint64_t limit, std::uint64_t ktime_ns) {
  // Times of events go back a little now and then.
  if (ktime_ns >= second_began_ns_ + kSecondNs) {
    second_began_ns_ = ktime_ns;
    taken_ = 0;
  }
  if (taken_ >= limit) return false;
  ++taken_;
  return true;
}

BusPublisher::BusPublisher(EventBus& bus, std::size_t ring_bytes, bool limited)
    : ring_(ring_bytes), bus_(bus), limited_(limited) {}

void BusPublisher::Publish(Topic topic, const EventMeta& meta, const BusPayload& payload) noexcept {
  if (limited_ && !Admit(topic, meta.ktime_ns)) return;
  Deliver(topic, meta, payload);
}

bool BusPublisher::Wants(Topic topic) const {
  return !bus_.subscribers_[static_cast<std::size_t>(topic)].empty() || Records(topic);
}

bool BusPublisher::Records(Topic topic) const {
  if (!bus_.recording_.load(std::memory_order_relaxed)) return false;
  if ((kOnlyWhenRead & Only(topic)) == 0) return true;
  return (bus_.read_topics_.load(std::memory_order_relaxed) & Only(topic)) != 0;
}

/// Whether the limit leaves room for one more event in this second.
bool BusPublisher::Admit(Topic topic, std::uint64_t ktime_ns) {
  const std::uint64_t limit = bus_.max_events_per_second_.load(std::memory_order_relaxed);
  if (untold_ != 0) Tick(ktime_ns);
  if (limit == 0 || (LimitedTopics() & Only(topic)) == 0) return true;
  if (admitted_.Take(limit, ktime_ns)) return true;
  rate_limited_.store(rate_limited() + 1, std::memory_order_relaxed);
  ++untold_;
  Tick(ktime_ns);
  return false;
}

void BusPublisher::Tick(std::uint64_t ktime_ns) {
  if (untold_ != 0 && ktime_ns >= told_ns_ + kSecondNs) TellOfLimit(ktime_ns);
}

void BusPublisher::TellOfLimit(std::uint64_t ktime_ns) {
  if (untold_ == 0) return;
  told_ns_ = ktime_ns;
  const std::uint64_t limit = bus_.max_events_per_second_.load(std::memory_order_relaxed);
  Deliver(Topic::kTlsLost, EventMeta{ktime_ns, {}},
          RateLimitEvent{limit, std::exchange(untold_, 0), ktime_ns});
}

void BusPublisher::Deliver(Topic topic, const EventMeta& meta, const BusPayload& payload) noexcept {
  std::atomic<std::uint64_t>& published = published_[static_cast<std::size_t>(topic)];
  published.store(published.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  for (BusSubscriber* subscriber : bus_.subscribers_[static_cast<std::size_t>(topic)]) {
    subscriber->OnBusEvent(topic, payload);
  }
  if (Records(topic) && Keeps(topic, meta.ktime_ns)) Record(topic, meta, payload);
}

/// Whether somebody reads the event now, or may ask for it later.
bool BusPublisher::Keeps(Topic topic, std::uint64_t ktime_ns) {
  if ((bus_.read_topics_.load(std::memory_order_relaxed) & Only(topic)) != 0) return true;
  return kept_unread_.Take(EventBus::kUnreadPerSecond, ktime_ns);
}

void BusPublisher::Record(Topic topic, const EventMeta& meta, const BusPayload& payload) {
  const bool whole = (bus_.whole_body_topics_.load(std::memory_order_relaxed) & Only(topic)) != 0;
  const PayloadLimits limits{bus_.options_.realtime_offset_ns,
                             whole ? EventBus::kWholeBodyBytes : EventBus::kHistoryBodyBytes};
  EventKind kind{};
  const std::string_view body = EncodePayload(topic, payload, limits, buffer_, kind);
  if (body.size() > ring_.max_body_bytes()) return ring_.Skip(topic);
  const bool agents = meta.correlation.id == 0;
  const Correlation& tree = agents ? bus_.agent_ : meta.correlation;
  ring_.Push({.topic = topic,
              .kind = static_cast<std::uint8_t>(kind),
              .stage = static_cast<std::uint8_t>(agents ? bus_.stage() : tree.stage),
              .sequence = ring_.NextSequence(topic),
              .root_sequence = ++sequence_,
              .time_unix_ns = UnixNsOf(meta.ktime_ns, limits.realtime_offset_ns),
              .id = tree.id,
              .parent = tree.parent,
              .root = tree.root},
             body);
  if ((bus_.awaited_topics_.load(std::memory_order_seq_cst) & Only(topic)) != 0) bus_.Wake();
}

BusWaiter::BusWaiter(EventBus& bus) : bus_(bus), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

BusWaiter::~BusWaiter() {
  {
    const std::lock_guard lock(bus_.mutex_);
    std::erase(bus_.waiting_, fd_);
  }
  close(fd_);
}

void BusWaiter::Arm(TopicSet topics) {
  const std::lock_guard lock(bus_.mutex_);
  if (std::find(bus_.waiting_.begin(), bus_.waiting_.end(), fd_) == bus_.waiting_.end()) {
    bus_.waiting_.push_back(fd_);
  }
  bus_.awaited_topics_.fetch_or(topics, std::memory_order_seq_cst);
}

void BusWaiter::Clear() {
  eventfd_t count = 0;
  eventfd_read(fd_, &count);
}

}  // namespace tlscope
