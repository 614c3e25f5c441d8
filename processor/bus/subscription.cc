// SPDX-License-Identifier: Apache-2.0
#include "processor/bus/subscription.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "processor/bus/bus_ring.h"
#include "processor/bus/event_bus.h"
#include "processor/wire/bus_codec.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

bool HasTag(const v1::BusEvent& event, const std::string& tag) {
  const auto& tags = event.correlation().tags();
  return std::find(tags.begin(), tags.end(), tag) != tags.end() ||
         (event.has_connection() && (tag == "comm=" + event.connection().comm() ||
                                     tag == "pid=" + std::to_string(event.connection().pid())));
}

}  // namespace

bool EventFilter::Matches(const BusRecord& record) const {
  if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), record.kind) == kinds.end()) {
    return false;
  }
  if (since_unix_ns != 0 && record.time_unix_ns < since_unix_ns) return false;
  if (until_unix_ns != 0 && record.time_unix_ns > until_unix_ns) return false;
  const Correlation& tree = record.correlation;
  if (correlation != 0 && tree.id != correlation && tree.parent != correlation &&
      tree.root != correlation) {
    return false;
  }
  if (!stage.empty() && StageName(tree.stage) != stage) return false;
  if (tags.empty()) return true;
  v1::BusEvent event;
  return event.ParseFromArray(record.bytes.data(), static_cast<int>(record.bytes.size())) &&
         std::all_of(tags.begin(), tags.end(),
                     [&](const std::string& tag) { return HasTag(event, tag); });
}

Subscription::Subscription(EventBus& bus, SubscribeOptions options)
    : bus_(bus), options_(std::move(options)), room_(MaxStampBytes(bus.encoded_tags_.size())) {
  bus_.CountReader(options_, 1);
  for (std::size_t i = 0; i < bus_.publisher_count(); ++i) {
    const BusRing& ring = bus_.publishers_[i]->ring_;
    readers_.push_back({ring, ring.End()});
  }
  if (options_.history > 0) CollectHistory();
}

Subscription::~Subscription() { bus_.CountReader(options_, -1); }

/// Copies what is there of the events before the cursors: by the time it is asked for, the rings
/// may have gone on.
void Subscription::CollectHistory() {
  const std::size_t wanted = std::min(options_.history, EventBus::kHistory);
  for (const Reader& reader : readers_) {
    BusRing::Cursor cursor = reader.ring.Back(EventBus::kHistory);
    BusRing::Head head;
    while (cursor.position < reader.cursor.position) {
      const auto result = reader.ring.Read(cursor, options_.topics, head, copy_, room_);
      if (result == BusRing::ReadResult::kNothing) break;
      if (result != BusRing::ReadResult::kRecord ||
          !options_.filter.Matches(RecordOf(head, copy_))) {
        continue;
      }
      history_.push_back({head, copy_});
    }
  }
  std::stable_sort(history_.begin(), history_.end(), [](const Kept& a, const Kept& b) {
    return a.head.time_unix_ns < b.head.time_unix_ns;
  });
  if (history_.size() > wanted) {
    history_.erase(history_.begin(), history_.end() - static_cast<std::ptrdiff_t>(wanted));
  }
}

/// `bytes`: room, then the part of the event that the ring has; the first part goes right before
/// it.
BusRecord Subscription::RecordOf(const BusRing::Head& head, std::string& bytes) const {
  const EventStamp stamp{
      .topic = head.topic,
      .kind = static_cast<EventKind>(head.kind),
      .topic_sequence = head.sequence,
      .time_unix_ns = head.time_unix_ns,
      .correlation = {head.id, head.parent, head.root, static_cast<Stage>(head.stage)},
      .root_sequence = head.root_sequence};
  const std::size_t size = EncodeStamp(stamp, bus_.encoded_tags_, bytes.data());
  std::memmove(bytes.data() + room_ - size, bytes.data(), size);
  return {stamp.topic, stamp.kind, stamp.time_unix_ns, stamp.correlation,
          std::string_view(bytes).substr(room_ - size)};
}

std::size_t Subscription::Poll(std::size_t max, const OnEvent& on_event) {
  std::size_t handled = 0;
  while (!history_.empty() && handled < max) {
    on_event(RecordOf(history_.front().head, history_.front().bytes));
    history_.pop_front();
    ++handled;
  }
  for (std::size_t i = readers_.size(); i < bus_.publisher_count(); ++i) {
    BusRing::Cursor beginning;
    beginning.next.fill(1);
    readers_.push_back({bus_.publishers_[i]->ring_, beginning});
  }
  // The agent's own events come first: they are few, and the others would hold them up.
  for (Reader& reader : readers_) {
    if (handled == max) break;
    handled += PollOne(reader, max - handled, on_event);
  }
  return handled;
}

std::size_t Subscription::PollOne(Reader& reader, std::size_t max, const OnEvent& on_event) {
  BusRing::Head head;
  for (std::size_t handled = 0; handled < max;) {
    switch (reader.ring.Read(reader.cursor, options_.topics, head, copy_, room_)) {
      case BusRing::ReadResult::kNothing:
        lost_ += reader.ring.SettleLosses(reader.cursor, options_.topics);
        return handled;
      case BusRing::ReadResult::kSkipped:
      case BusRing::ReadResult::kOverrun:
        break;
      case BusRing::ReadResult::kRecord: {
        std::uint64_t& next = reader.cursor.next[static_cast<std::size_t>(head.topic)];
        lost_ += head.sequence - next;
        next = head.sequence + 1;
        const BusRecord record = RecordOf(head, copy_);
        if (!options_.filter.Matches(record)) break;
        on_event(record);
        ++handled;
        break;
      }
    }
  }
  return max;
}

std::uint64_t Subscription::TakeLost() {
  if (lost_ != 0) bus_.missed_.fetch_add(lost_, std::memory_order_relaxed);
  return std::exchange(lost_, 0);
}

}  // namespace tlscope
