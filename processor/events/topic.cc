// SPDX-License-Identifier: Apache-2.0
#include "processor/events/topic.h"

#include <array>

namespace tlscope {
namespace {

constexpr std::size_t kMaxLevels = 4;

struct TopicRow {
  std::string_view name;
  TopicAccess access;
};

// By the number of the topic.
constexpr std::array<TopicRow, kTopics> kRows = {{
    {"events.tls.data", TopicAccess::kRestricted},
    {"events.tls.handshake", TopicAccess::kRestricted},
    {"events.tls.protocol", TopicAccess::kRestricted},
    {"events.tls.plaintext", TopicAccess::kRestricted},
    {"events.tls.lost", TopicAccess::kRestricted},
    {"events.conn.opened", TopicAccess::kRestricted},
    {"events.conn.closed", TopicAccess::kRestricted},
    {"events.http.request", TopicAccess::kRestricted},
    {"events.http.response", TopicAccess::kRestricted},
    {"events.http.exchange", TopicAccess::kRestricted},
    {"events.http.frame", TopicAccess::kRestricted},
    {"events.websocket.message", TopicAccess::kRestricted},
    {"events.process.discovered", TopicAccess::kRestricted},
    {"events.library.attached", TopicAccess::kRestricted},
    {"events.library.failed", TopicAccess::kRestricted},
    {"events.library.detached", TopicAccess::kRestricted},
    {"control.agent.lifecycle", TopicAccess::kPrivileged},
    {"control.agent.config", TopicAccess::kPrivileged},
    {"control.agent.task", TopicAccess::kPrivileged},
    {"control.health.heartbeat", TopicAccess::kPublic},
    {"control.health.status", TopicAccess::kPublic},
    {"control.health.diagnostics", TopicAccess::kPublic},
}};

const TopicRow& RowOf(Topic topic) { return kRows[static_cast<std::size_t>(topic)]; }

/// Takes the first level off `levels`, which is not over yet.
std::string_view NextLevel(std::string_view& levels, bool& over) {
  const std::size_t dot = levels.find('.');
  const std::string_view level = levels.substr(0, dot);
  over = dot == std::string_view::npos;
  levels.remove_prefix(over ? levels.size() : dot + 1);
  return level;
}

}  // namespace

std::string_view TopicName(Topic topic) { return RowOf(topic).name; }

TopicAccess AccessOf(Topic topic) { return RowOf(topic).access; }

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

TopicSet TopicsOf(std::string_view pattern) {
  TopicSet topics = 0;
  for (std::size_t i = 0; i < kTopics; ++i) {
    if (TopicMatches(pattern, kRows[i].name)) topics |= TopicSet{1} << i;
  }
  const bool by_name = pattern == TopicName(Topic::kTlsPlaintext);
  return by_name ? topics : topics & ~Only(Topic::kTlsPlaintext);
}

}  // namespace tlscope
