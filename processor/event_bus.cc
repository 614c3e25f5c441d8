// SPDX-License-Identifier: Apache-2.0
#include "processor/event_bus.h"

#include <array>
#include <cstddef>

namespace tlscope {
namespace {

constexpr std::size_t kMaxLevels = 4;

constexpr std::array<std::string_view, kTopics> kNames = {
    "events.tls.data",       "events.tls.handshake",    "events.conn.opened",
    "events.conn.closed",    "events.http.request",     "events.http.response",
    "events.http.exchange",  "events.http.frame",       "events.library.attached",
    "events.library.failed", "events.library.detached", "control.health.lost",
};

/// Takes the first level off `levels`, which is not over yet.
std::string_view NextLevel(std::string_view& levels, bool& over) {
  const std::size_t dot = levels.find('.');
  const std::string_view level = levels.substr(0, dot);
  over = dot == std::string_view::npos;
  levels.remove_prefix(over ? levels.size() : dot + 1);
  return level;
}

}  // namespace

std::string_view TopicName(Topic topic) { return kNames[static_cast<std::size_t>(topic)]; }

bool ValidTopicPattern(std::string_view pattern) {
  std::size_t levels = 0;
  for (bool over = false; !over;) {
    const std::string_view level = NextLevel(pattern, over);
    if (level.empty() || ++levels > kMaxLevels) return false;
    if (level.size() > 1 && level.find_first_of("+#") != std::string_view::npos) return false;
    if (level == "#" && !over) return false;
  }
  return true;
}

bool TopicMatches(std::string_view pattern, std::string_view name) {
  if (!ValidTopicPattern(pattern)) return false;
  bool pattern_over = false;
  bool name_over = name.empty();
  while (!pattern_over) {
    const std::string_view wanted = NextLevel(pattern, pattern_over);
    if (wanted == "#") return true;
    if (name_over) return false;
    const std::string_view level = NextLevel(name, name_over);
    if (wanted != "+" && wanted != level) return false;
  }
  return name_over;
}

void HandshakeFacts::Add(const HandshakeFacts& newer) {
  if (newer.version != 0) version = newer.version;
  if (!newer.server_name.empty()) server_name = newer.server_name;
  if (!newer.protocol.empty()) protocol = newer.protocol;
}

bool EventBus::Subscribe(std::string_view pattern, BusSubscriber& subscriber) {
  if (!ValidTopicPattern(pattern)) return false;
  for (std::size_t i = 0; i < kTopics; ++i) {
    if (TopicMatches(pattern, kNames[i])) subscribers_[i].push_back(&subscriber);
  }
  return true;
}

void EventBus::Publish(Topic topic, const BusPayload& payload) const {
  for (BusSubscriber* subscriber : subscribers_[static_cast<std::size_t>(topic)]) {
    subscriber->OnBusEvent(topic, payload);
  }
}

bool EventBus::HasSubscribers(Topic topic) const {
  return !subscribers_[static_cast<std::size_t>(topic)].empty();
}

}  // namespace tlscope
