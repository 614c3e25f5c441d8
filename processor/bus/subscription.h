// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "processor/bus/bus_ring.h"
#include "processor/events/bus_events.h"
#include "processor/events/topic.h"

namespace tlscope {

class EventBus;

/// An event as a subscription hands it over. `bytes` is a serialised tlscope.v1.BusEvent, borrowed
/// for the call.
struct BusRecord {
  Topic topic;
  EventKind kind;
  std::int64_t time_unix_ns;
  Correlation correlation;
  std::string_view bytes;
};

/// Which events are wanted: all conditions that are set have to hold.
struct EventFilter {
  std::vector<EventKind> kinds = {};  ///< empty: any
  std::int64_t since_unix_ns = 0;     ///< included; 0: no limit
  std::int64_t until_unix_ns = 0;     ///< included; 0: no limit
  std::uint64_t correlation = 0;      ///< an event's id, parent or root; 0: any
  std::string stage = {};             ///< empty: any
  /// "key=value": all of them. A connection has "comm=" and "pid=" of its process, too.
  std::vector<std::string> tags = {};

  bool Matches(const BusRecord& record) const;
};

struct SubscribeOptions {
  TopicSet topics = 0;
  EventFilter filter = {};
  /// How many of the latest events that match come first; at most EventBus::kHistory are there.
  std::size_t history = 0;
  /// False: a few KiB of each body are enough, as the history keeps them anyway.
  bool whole_bodies = true;
};

/// Reads events of the bus on a thread of its own choosing, one thread at a time. Whoever is too
/// slow loses the oldest and is told how many; the publishers never notice.
class Subscription {
 public:
  using OnEvent = std::function<void(const BusRecord&)>;

  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  /// Hands over what has come, at most `max` events, in the order of each publisher. Returns how
  /// many that were; less than `max` means that nothing is left. `on_event` must not call back.
  std::size_t Poll(std::size_t max, const OnEvent& on_event);

  /// Events of the topics, whether or not the filter wants them, that were published since the
  /// beginning or the last call and can no longer be read.
  std::uint64_t TakeLost();

 private:
  friend class EventBus;
  struct Reader {
    const BusRing& ring;
    BusRing::Cursor cursor;
  };
  struct Kept {
    BusRing::Head head;
    std::string bytes;
  };

  Subscription(EventBus& bus, SubscribeOptions options);
  void CollectHistory();
  BusRecord RecordOf(const BusRing::Head& head, std::string& bytes) const;
  std::size_t PollOne(Reader& reader, std::size_t max, const OnEvent& on_event);

  EventBus& bus_;
  const SubscribeOptions options_;
  std::vector<Reader> readers_;  // one per publisher
  std::deque<Kept> history_;     // not handed over yet
  std::uint64_t lost_ = 0;
  const std::size_t room_;  // for the first part of an event, before the part that the ring has
  std::string copy_;        // of the event being handed over
};

}  // namespace tlscope
