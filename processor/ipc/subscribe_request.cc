// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/subscribe_request.h"

#include <optional>
#include <string>
#include <utility>

#include "processor/bus/event_bus.h"
#include "processor/text/printable.h"

namespace tlscope {
namespace {

// Enough to recognise one's own words by.
constexpr std::size_t kQuotedBytes = 100;

std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  AppendFieldValue(text.substr(0, kQuotedBytes), quoted);
  if (text.size() > kQuotedBytes) quoted += "...";
  return quoted + '\'';
}

v1::Error Refusal(v1::Error::Code code, std::string text) {
  v1::Error error;
  error.set_code(code);
  error.set_text(std::move(text));
  return error;
}

std::optional<v1::Error> TooMany(const char* what, std::size_t count, std::size_t limit) {
  if (count <= limit) return {};
  return Refusal(v1::Error::LIMIT, "a subscription has at most " + std::to_string(limit) + ' ' +
                                       what + ", this one " + std::to_string(count));
}

std::optional<v1::Error> CheckPattern(const std::string& pattern, Role role,
                                      const AccessPolicy& policy) {
  if (!ValidTopicPattern(pattern)) {
    return Refusal(v1::Error::UNSUITABLE,
                   Quoted(pattern) +
                       " is no pattern of topics; write up to four levels joined by "
                       "dots, '+' for any one level, '#' last for any number of them");
  }
  if (TopicsOf(pattern) == 0) {
    return Refusal(v1::Error::UNSUITABLE,
                   "there is no topic " + Quoted(pattern) + "; subscribe to 'events.#'");
  }
  std::string refusal = RefusalOf(pattern, role, policy);
  if (refusal.empty()) return {};
  return Refusal(v1::Error::FORBIDDEN, std::move(refusal));
}

std::optional<v1::Error> CheckFilter(const v1::EventFilter& filter) {
  for (const int kind : filter.kinds()) {
    if (kind == v1::EVENT_KIND_UNSPECIFIED || !v1::EventKind_IsValid(kind)) {
      return Refusal(v1::Error::UNSUITABLE, "there is no kind of event " + std::to_string(kind));
    }
  }
  for (const std::string& tag : filter.tags()) {
    if (tag.find('=') == std::string::npos || tag.starts_with('='))
      return Refusal(v1::Error::UNSUITABLE, Quoted(tag) + " is no tag; write it as key=value");
  }
  if (!filter.stage().empty() && !StageNamed(filter.stage())) {
    std::string names;
    for (const Stage stage : kStages) (names += names.empty() ? "" : ", ") += StageName(stage);
    return Refusal(v1::Error::UNSUITABLE,
                   Quoted(filter.stage()) + " is no stage; the stages are " + names);
  }
  if (filter.since_unix_ns() < 0 || filter.until_unix_ns() < 0 ||
      (filter.until_unix_ns() != 0 && filter.until_unix_ns() < filter.since_unix_ns())) {
    return Refusal(v1::Error::UNSUITABLE, "the time that is asked for ends before it begins");
  }
  return {};
}

EventFilter FilterOf(const v1::EventFilter& wish) {
  EventFilter filter;
  for (const int kind : wish.kinds()) filter.kinds.push_back(static_cast<EventKind>(kind));
  filter.since_unix_ns = wish.since_unix_ns();
  filter.until_unix_ns = wish.until_unix_ns();
  filter.correlation = wish.correlation();
  filter.stage = wish.stage();
  filter.tags.assign(wish.tags().begin(), wish.tags().end());
  return filter;
}

std::optional<v1::Error> CheckCounts(const v1::Subscribe& wish, const BrokerLimits& limits) {
  const auto count = [](const auto& list) { return static_cast<std::size_t>(list.size()); };
  if (wish.topics().empty()) {
    return Refusal(v1::Error::UNSUITABLE,
                   "a subscription without a topic; name one, as 'events.#'");
  }
  if (auto error = TooMany("topics", count(wish.topics()), limits.patterns)) return error;
  if (auto error = TooMany("kinds", count(wish.filter().kinds()), limits.patterns)) return error;
  if (auto error = TooMany("tags", count(wish.filter().tags()), limits.patterns)) return error;
  return TooMany("events of history", wish.history(), EventBus::kHistory);
}

}  // namespace

tl::expected<SubscribeOptions, v1::Error> ReadSubscribe(const v1::Subscribe& wish, Role role,
                                                        const AccessPolicy& policy,
                                                        const BrokerLimits& limits) {
  if (auto error = CheckCounts(wish, limits)) return tl::make_unexpected(std::move(*error));
  SubscribeOptions options;
  for (const std::string& pattern : wish.topics()) {
    if (auto error = CheckPattern(pattern, role, policy))
      return tl::make_unexpected(std::move(*error));
    options.topics |= TopicsOf(pattern);
  }
  if (auto error = CheckFilter(wish.filter())) return tl::make_unexpected(std::move(*error));
  options.filter = FilterOf(wish.filter());
  options.history = wish.history();
  options.whole_bodies = !wish.short_bodies();
  return options;
}

}  // namespace tlscope
