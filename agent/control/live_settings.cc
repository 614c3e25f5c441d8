// SPDX-License-Identifier: Apache-2.0
#include "agent/control/live_settings.h"

#include <algorithm>
#include <iterator>
#include <type_traits>

#include "agent/options/capture_command_line.h"
#include "agent/options/output_command_line.h"
#include "agent/options/output_options.h"

namespace tlscope {
namespace {

std::string ToText(const std::string& value) { return value; }

template <class Value>
std::string ToText(const Value& value) {
  if constexpr (std::is_same_v<Value, bool>)
    return value ? "true" : "false";
  else if constexpr (std::is_enum_v<Value>)
    return std::to_string(static_cast<int>(value));
  else
    return std::to_string(value);
}

template <class Value>
std::string ToText(const std::vector<Value>& values) {
  std::string text;
  for (const Value& value : values) {
    if (!text.empty()) text += ',';
    text += ToText(value);
  }
  return text;
}

struct Row {
  std::string_view key;
  std::string (*text)(const CaptureOptions&);
  /// Copies what the key is about; nullptr: that takes a restart.
  void (*take)(const CaptureOptions& from, CaptureOptions& to);
};

template <auto Member>
constexpr Row Live(std::string_view key) {
  return {key, [](const CaptureOptions& options) { return ToText(options.*Member); },
          [](const CaptureOptions& from, CaptureOptions& to) { to.*Member = from.*Member; }};
}

template <auto Member>
constexpr Row Fixed(std::string_view key) {
  return {key, [](const CaptureOptions& options) { return ToText(options.*Member); }, nullptr};
}

template <auto Which, auto Member>
constexpr Row Rotation(std::string_view key) {
  return {key, [](const CaptureOptions& options) { return ToText((options.*Which).*Member); },
          nullptr};
}

/// A size and a period are values of one option.
template <auto Which>
constexpr Row RotationLimits(std::string_view key) {
  return {key,
          [](const CaptureOptions& options) {
            const RotationOptions& rotation = options.*Which;
            return ToText(rotation.bytes) + ',' + ToText(rotation.period);
          },
          nullptr};
}

constexpr std::string_view kLogLevel = "log-level";
constexpr std::string_view kLogLevels[] = {"warn", "info", "debug"};

using Options = CaptureOptions;

// Not among them: --config and the command line themselves.
constexpr Row kRows[] = {
    Live<&Options::max_events_per_second>("max-events-per-second"),
    Live<&Options::detach_after_s>("detach-after"),
    Live<&Options::heartbeat_s>("heartbeat"),
    Live<&Options::message_bytes>("tsize"),
    Live<&Options::max_body_bytes>("max-body"),
    Live<&Options::headers_only>("headers-only"),
    {kLogLevel,
     [](const Options& options) {
       return std::string(kLogLevels[static_cast<std::size_t>(LogLevelOf(options))]);
     },
     [](const Options& from, Options& to) {
       to.quiet = from.quiet;
       to.verbose = from.verbose;
     }},
    Fixed<&Options::pids>("pid"),
    Fixed<&Options::uids>("uid"),
    Fixed<&Options::comms>("comm"),
    Fixed<&Options::cgroups>("cgroup"),
    Fixed<&Options::ports>("port"),
    Fixed<&Options::libraries>("libssl"),
    Fixed<&Options::max_payload_bytes>("max-payload"),
    Fixed<&Options::raw_body>("raw-body"),
    Fixed<&Options::ring_mib>("ring-mib"),
    Fixed<&Options::btf_path>("btf"),
    Fixed<&Options::outputs>("output"),
    Fixed<&Options::format>("format"),
    Fixed<&Options::body_view>("binary"),
    Fixed<&Options::color>("color"),
    Fixed<&Options::pretty_json>("pretty"),
    Fixed<&Options::protoset_path>("protoset"),
    Fixed<&Options::show_frames>("show-frames"),
    Fixed<&Options::show_handshakes>("show-handshakes"),
    Fixed<&Options::attach_public>("attach"),
    Fixed<&Options::strategy>("attach-strategy"),
    Fixed<&Options::wait_for_library>("wait"),
    Fixed<&Options::instance>("instance"),
    Fixed<&Options::runtime_dir>("runtime-dir"),
    Fixed<&Options::ipc_group>("ipc-group"),
    Fixed<&Options::ipc_public>("ipc-public"),
    Fixed<&Options::no_ipc>("no-ipc"),
    Fixed<&Options::event_log>("event-log"),
    Fixed<&Options::event_log_payload>("event-log-payload"),
    RotationLimits<&Options::event_log_rotation>("event-log-rotate"),
    Rotation<&Options::event_log_rotation, &RotationOptions::keep>("event-log-keep"),
    Rotation<&Options::event_log_rotation, &RotationOptions::gzip>("event-log-gzip"),
    RotationLimits<&Options::rotation>("rotate"),
    Rotation<&Options::rotation, &RotationOptions::keep>("rotate-keep"),
    Rotation<&Options::rotation, &RotationOptions::gzip>("rotate-gzip"),
    Fixed<&Options::plaintext>("plaintext"),
    Fixed<&Options::spool_mib>("spool-mib"),
    Fixed<&Options::tls_ca>("tls-ca"),
    Fixed<&Options::tls_cert>("tls-cert"),
    Fixed<&Options::tls_key>("tls-key"),
    Fixed<&Options::tls_server_name>("tls-server-name"),
    Fixed<&Options::kafka_options>("kafka-option"),
    Fixed<&Options::metrics>("metrics"),
    Fixed<&Options::tags>("tag"),
};

std::string LiveKeys() {
  std::string keys;
  for (const Row& row : kRows) {
    if (row.take == nullptr) continue;
    if (!keys.empty()) keys += ", ";
    keys += row.key;
  }
  return keys;
}

Result<Options> ParseLogLevel(const std::string& value) {
  const auto* const level = std::ranges::find(kLogLevels, value);
  if (level == std::end(kLogLevels))
    return Fail(Errc::kUsage, 0, "set log-level to '" + value + "'",
                "expected warn, info or debug");
  Options options;
  options.quiet = level == &kLogLevels[static_cast<std::size_t>(LogLevel::kWarn)];
  options.verbose = level == &kLogLevels[static_cast<std::size_t>(LogLevel::kDebug)];
  return options;
}

// By the option of that name, whose checks are the same.
Result<Options> ParseValue(const Row& row, const std::string& value) {
  if (row.key == kLogLevel) return ParseLogLevel(value);
  const std::string key(row.key);
  auto options = ParseCaptureOptions({"tlscope", "capture", "--" + key + "=" + value});
  if (!options)
    return Fail(Errc::kUsage, 0, "set " + key + " to '" + value + "'", options.error().remedy);
  return options;
}

}  // namespace

LogLevel LogLevelOf(const CaptureOptions& options) {
  if (options.verbose) return LogLevel::kDebug;
  return options.quiet ? LogLevel::kWarn : LogLevel::kInfo;
}

LiveSettings::LiveSettings(CaptureOptions options, OnChange on_change)
    : options_(std::move(options)),
      on_change_(std::move(on_change)),
      log_level_(LogLevelOf(options_)) {
  Store();
}

bool LiveSettings::Knows(std::string_view key) {
  return std::ranges::find(kRows, key, &Row::key) != std::end(kRows);
}

std::optional<std::chrono::milliseconds> LiveSettings::detach_after() const {
  const std::uint32_t seconds = detach_after_s_;
  if (seconds == 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

std::optional<std::chrono::seconds> LiveSettings::heartbeat() const {
  const std::uint32_t seconds = heartbeat_s_;
  if (seconds == 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

std::vector<std::pair<std::string, std::string>> LiveSettings::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::string>> all;
  for (const Row& row : kRows) {
    if (row.take != nullptr) all.emplace_back(row.key, row.text(options_));
  }
  return all;
}

std::vector<SettingChange> LiveSettings::Apply(const CaptureOptions& now) {
  const std::lock_guard lock(mutex_);
  std::vector<SettingChange> changes;
  for (const Row& row : kRows) {
    SettingChange change{std::string(row.key), row.text(options_), row.text(now),
                         row.take == nullptr};
    if (change.old_value == change.new_value) continue;
    if (row.take != nullptr) row.take(now, options_);
    changes.push_back(std::move(change));
  }
  Store();
  for (const SettingChange& change : changes) {
    if (on_change_ && !change.needs_restart) on_change_(change);
  }
  return changes;
}

Result<SettingChange> LiveSettings::Set(std::string_view key, const std::string& value) {
  const auto* const row = std::ranges::find(kRows, key, &Row::key);
  if (row == std::end(kRows))
    return Fail(Errc::kUsage, 0, "set '" + std::string(key) + "': unknown setting",
                "expected one of " + LiveKeys());
  if (row->take == nullptr)
    return Fail(
        Errc::kUsage, 0, "set " + std::string(key) + " while the agent runs",
        "restart it with --" + std::string(key) + "; without a restart you can set " + LiveKeys());
  TLSCOPE_TRY(const auto parsed, ParseValue(*row, value));
  const std::lock_guard lock(mutex_);
  Options changed = options_;
  row->take(parsed, changed);
  // Parsed by itself, it was not held against the outputs there are.
  TLSCOPE_TRY(OutputsOf(changed));
  SettingChange change{std::string(key), row->text(options_), row->text(changed), false};
  options_ = std::move(changed);
  Store();
  if (on_change_ && change.old_value != change.new_value) on_change_(change);
  return change;
}

void LiveSettings::Store() {
  max_events_per_second_ = options_.max_events_per_second;
  body_limit_bytes_ = BodyLimitOf(options_);
  detach_after_s_ = options_.detach_after_s;
  heartbeat_s_ = options_.heartbeat_s;
  if (const LogLevel level = LogLevelOf(options_); log_level_.exchange(level) != level)
    SetLogLevel(level);
}

}  // namespace tlscope
