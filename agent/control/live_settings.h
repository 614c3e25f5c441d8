// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/options/capture_options.h"
#include "agent/terminal/log.h"
#include "processor/base/result.h"

namespace tlscope {

/// What --quiet and --verbose mean.
LogLevel LogLevelOf(const CaptureOptions& options);

/// An option that has another value now, or would have after a restart.
struct SettingChange {
  std::string key;  ///< the option's name without dashes
  std::string old_value;
  std::string new_value;
  bool needs_restart = false;  ///< then it is as it was

  bool operator==(const SettingChange&) const = default;
};

/// The options that change while the agent runs. Any thread; those who read never wait. Applies the
/// log level itself; the rest is read by those whom it concerns, or told to `on_change`.
class LiveSettings {
 public:
  using OnChange = std::function<void(const SettingChange&)>;

  /// `on_change` is called with each change that was made, by the thread that makes it, and must
  /// not call back.
  explicit LiveSettings(CaptureOptions options, OnChange on_change = {});
  LiveSettings(const LiveSettings&) = delete;
  LiveSettings& operator=(const LiveSettings&) = delete;

  /// Whether it has a value for `key` and notices when that changes, with or without a restart.
  static bool Knows(std::string_view key);

  std::uint64_t max_events_per_second() const { return max_events_per_second_; }
  std::uint64_t body_limit_bytes() const { return body_limit_bytes_; }
  LogLevel log_level() const { return log_level_; }
  /// nullopt: never.
  std::optional<std::chrono::milliseconds> detach_after() const;
  std::optional<std::chrono::seconds> heartbeat() const;

  /// Every key with its value as text.
  std::vector<std::pair<std::string, std::string>> All() const;

  /// Makes them what `now` says, also those that Set has changed. Returns what is different, the
  /// options that need a restart included.
  std::vector<SettingChange> Apply(const CaptureOptions& now);

  /// Makes one of them what `value` says, as behind its option. kUsage: there is no such key, its
  /// option needs a restart, or the value makes no sense. No difference is no error.
  Result<SettingChange> Set(std::string_view key, const std::string& value);

 private:
  void Store();

  mutable std::mutex mutex_;
  CaptureOptions options_;
  const OnChange on_change_;
  std::atomic<std::uint64_t> max_events_per_second_;
  std::atomic<std::uint64_t> body_limit_bytes_;
  std::atomic<std::uint32_t> detach_after_s_;
  std::atomic<std::uint32_t> heartbeat_s_;
  std::atomic<LogLevel> log_level_;
};

}  // namespace tlscope
