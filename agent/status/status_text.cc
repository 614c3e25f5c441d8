// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "agent/status/agent_status.h"

namespace tlscope {
namespace {

// What stands before the values, the blank between included.
constexpr int kLabelWidth = 15;

std::string Uptime(std::uint64_t uptime_ns) {
  const std::uint64_t seconds = uptime_ns / 1'000'000'000;
  const std::uint64_t hours = seconds / 3600;
  const std::string rest = fmt::format("{:02}:{:02}", seconds / 60 % 60, seconds % 60);
  if (hours < 24) return fmt::format("{:02}:{}", hours, rest);
  return fmt::format("{}d {:02}:{}", hours / 24, hours % 24, rest);
}

std::string Plural(std::uint64_t number, std::string_view one) {
  return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s");
}

class StatusLines {
 public:
  std::string Take() { return std::move(text_); }

  template <class... Values>
  void Add(std::string_view label, fmt::format_string<Values...> format, Values&&... values) {
    text_ += fmt::format("{:<{}}", label, kLabelWidth);
    fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
    text_ += '\n';
  }

 private:
  std::string text_;
};

void AddTraffic(const v1::AgentStatus& status, StatusLines& lines) {
  lines.Add("connections", "{} followed", status.connections());
  lines.Add("messages", "{}, {:.1f} per second", status.messages(), status.messages_per_second());
  lines.Add("plaintext", "{} bytes, {:.0f} per second", status.bytes(), status.bytes_per_second());
}

void AddAttached(const v1::AgentStatus& status, StatusLines& lines) {
  lines.Add("libraries", "{} attached to", status.libraries_size());
  for (const v1::LibraryStatus& library : status.libraries()) lines.Add("", "{}", library.path());
  lines.Add("processes", "{} that use them", status.processes_size());
  for (const v1::ProcessStatus& process : status.processes())
    lines.Add("", "{:>7} {}", process.pid(), process.comm());
}

void AddLosses(const v1::AgentStatus& status, StatusLines& lines) {
  std::size_t width = 0;
  for (const v1::LossStatus& loss : status.losses()) width = std::max(width, loss.cause().size());
  std::string_view label = "lost";
  for (const v1::LossStatus& loss : status.losses()) {
    lines.Add(std::exchange(label, ""), "{:<{}} {:>8} {:>12} bytes", loss.cause(), width,
              loss.events(), loss.bytes());
  }
}

void AddSinks(const v1::AgentStatus& status, StatusLines& lines) {
  for (const v1::SinkStatus& sink : status.sinks()) {
    lines.Add("output", "{}: {} ({} bytes) written, {} ({} bytes) dropped, {} ({} bytes) waiting",
              sink.name(), sink.written_blocks(), sink.written_bytes(), sink.dropped_blocks(),
              sink.dropped_bytes(), sink.queued_blocks(), sink.queued_bytes());
    if (sink.dropped_blocks() != 0) {
      lines.Add("", "{}",
                DropsText(sink.dropped_full_blocks(), sink.dropped_failed_blocks(),
                          sink.dropped_closed_blocks()));
    }
    if (!sink.network()) continue;
    lines.Add("", "{}: {} acknowledged, {} sent and not acknowledged, {} sent again",
              sink.connected() ? "connected" : "not connected", sink.acknowledged_blocks(),
              sink.unacknowledged_blocks(), sink.resent_blocks());
  }
}

void AddSettings(const v1::AgentStatus& status, StatusLines& lines) {
  std::size_t width = 0;
  for (const v1::Setting& setting : status.settings())
    width = std::max(width, setting.key().size());
  std::string_view label = "settings";
  for (const v1::Setting& setting : status.settings())
    lines.Add(std::exchange(label, ""), "{:<{}} {}", setting.key(), width, setting.value());
}

}  // namespace

std::string DropsText(std::uint64_t full, std::uint64_t failed, std::uint64_t closed) {
  return fmt::format(
      "dropped: {} queue full, {} not delivered or refused, {} output closed or broken", full,
      failed, closed);
}

std::string StatusText(const v1::AgentStatus& status) {
  StatusLines lines;
  lines.Add("agent", "tlscope {}, instance {}, process {} on {}", status.version(),
            status.instance(), status.pid(), status.host());
  lines.Add("stage", "{}, up for {}", status.stage(), Uptime(status.uptime_ns()));
  AddTraffic(status, lines);
  AddAttached(status, lines);
  AddLosses(status, lines);
  AddSinks(status, lines);
  lines.Add("clients", "{}, {}", status.clients(), Plural(status.subscriptions(), "subscription"));
  AddSettings(status, lines);
  return lines.Take();
}

}  // namespace tlscope
