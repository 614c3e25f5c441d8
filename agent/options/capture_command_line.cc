// SPDX-License-Identifier: Apache-2.0
#include "agent/options/capture_command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <sstream>
#include <utility>

#include "agent/options/config_file.h"
#include "agent/options/option_checks.h"
#include "agent/options/output_command_line.h"

namespace tlscope {
namespace {

constexpr const char* kKeysAre =
    "keys are the long options of tlscope capture --help, without the dashes";

void AddFilters(CLI::App& capture, CaptureOptions& options) {
  capture.option_defaults()->group("Filters");
  capture
      .add_option("--pid", options.pids, "Capture only this process and its children (repeatable)")
      ->type_name("PID")
      ->check(Id("process id", 1));
  capture.add_option("--uid", options.uids, "Capture only processes of this user (repeatable)")
      ->type_name("UID")
      ->check(Id("user id", 0));
  capture.add_option("--comm", options.comms, "Capture only processes of this name (repeatable)")
      ->type_name("NAME")
      ->check(CommName());
  capture
      .add_option("--cgroup", options.cgroups,
                  "Capture only processes in this control group or below it: a directory, or its "
                  "path under the mount point of cgroup v2 (repeatable)")
      ->type_name("PATH");
  capture
      .add_option("--port", options.ports,
                  "Capture only connections with this port at either end (repeatable)")
      ->type_name("PORT")
      ->check(Port());
}

void AddProbes(CLI::App& capture, CaptureOptions& options) {
  capture.option_defaults()->group("Probes");
  capture
      .add_option("--libssl", options.libraries,
                  "Also attach to this library or program (repeatable)")
      ->type_name("FILE")
      ->check(ReadableFile());
  capture.add_flag("--wait", options.wait_for_library,
                   "Start even if no libssl is found yet, and wait for one");
  capture
      .add_option("--detach-after", options.detach_after_s,
                  "Detach from a library that no process has mapped for SECONDS (0: never)")
      ->type_name("SECONDS")
      ->check(Number(0, 86400))
      ->capture_default_str();
  AddSize(capture, "--max-payload", options.max_payload_bytes,
          "Capture at most SIZE of each SSL call (0: all); the rest is counted");
  capture.add_option("--ring-mib", options.ring_mib, "Size of the kernel's ring buffer in MiB")
      ->type_name("N")
      ->check(Number(1, 1024))
      ->capture_default_str();
  AddFile(capture, "--btf", options.btf_path,
          "Read kernel types from FILE, for a kernel that does not carry its own");
  AddChoice<bool>(capture, "--attach", options.attach_public, {{"auto", false}, {"public", true}},
                  "Where to probe a library: the cheapest certain place (auto), or only its public "
                  "functions (public)");
  std::vector<std::pair<std::string, AttachStrategy>> strategies{{"auto", AttachStrategy::kAuto}};
  for (const StrategyInfo& info : AllStrategies())
    strategies.emplace_back(info.name, info.strategy);
  AddChoice<AttachStrategy>(
      capture, "--attach-strategy", options.strategy, strategies,
      "How to watch socket calls in the kernel; auto: the cheapest way that it has");
}

void AddEventLog(CLI::App& capture, CaptureOptions& options) {
  capture.option_defaults()->group("Event log");
  capture
      .add_option("--event-log", options.event_log,
                  "Write events as JSON Lines to a file named by PATTERN, with conversions of "
                  "strftime(3) such as %F")
      ->type_name("PATTERN")
      ->check(Nonempty("the name of the event log"));
  capture.add_flag("--event-log-payload", options.event_log_payload,
                   "Include heads and bodies of messages in the event log");
  AddRotation(capture, {"--event-log-rotate", "--event-log", "event log"},
              options.event_log_rotation);
}

void AddControl(CLI::App& capture, CaptureOptions& options) {
  capture.option_defaults()->group("Control");
  capture.add_option("--instance", options.instance, "Name of this agent, for subscribe and ctl")
      ->type_name("NAME")
      ->check(InstanceName())
      ->capture_default_str();
  capture.add_option("--runtime-dir", options.runtime_dir, "Directory of the agents' sockets")
      ->type_name("DIR")
      ->check(Nonempty("the directory"))
      ->capture_default_str();
  capture
      .add_option("--ipc-group", options.ipc_group,
                  "Let members of this group read captured data from the agent's socket")
      ->type_name("NAME")
      ->check(Nonempty("the group's name"));
  capture.add_flag("--ipc-public", options.ipc_public,
                   "Let every user ask the agent's socket for its status");
  capture.add_flag("--no-ipc", options.no_ipc,
                   "Do not open the control socket (disables subscribe and ctl)");
  capture.add_option("--metrics", options.metrics, "Serve metrics for Prometheus over HTTP")
      ->type_name("ADDRESS:PORT")
      ->check(ListenAddress());
  capture
      .add_option("--max-events-per-second", options.max_events_per_second,
                  "Publish at most N events per second (0: no limit); the rest is counted")
      ->type_name("N")
      ->check(Number(0, 1'000'000'000))
      ->capture_default_str();
  capture
      .add_option("--heartbeat", options.heartbeat_s,
                  "Publish a heartbeat every SECONDS (0: never)")
      ->type_name("SECONDS")
      ->check(Number(0, 86400))
      ->capture_default_str();
  capture.add_option("--tag", options.tags, "Add this tag to every event (repeatable)")
      ->type_name("KEY=VALUE")
      ->check(Tag());
  capture
      .add_option(
          "--config", options.config_path,
          "Read options from FILE; the command line takes precedence. SIGHUP reads it again")
      ->type_name("FILE")
      ->check(Nonempty("the file's name"))
      ->configurable(false);
}

/// Hands CLI11 the entries of the file: its own reader cuts strings at a #.
class ReadEntries final : public CLI::Config {
 public:
  explicit ReadEntries(std::vector<ConfigEntry> entries) : entries_(std::move(entries)) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& /*input*/) const override {
    std::vector<CLI::ConfigItem> read;
    for (const ConfigEntry& entry : entries_) read.push_back({{}, entry.key, entry.values});
    return read;
  }
  std::string to_config(const CLI::App* /*app*/, bool /*default_also*/, bool /*describe*/,
                        std::string /*prefix*/) const override {
    return {};
  }

 private:
  std::vector<ConfigEntry> entries_;
};

// What is wrong with an entry by itself; empty when nothing is.
std::string WhatIsWrong(const ConfigEntry& entry, const CLI::Option* option) {
  if (option == nullptr || !option->get_configurable()) return "unknown key '" + entry.key + "'";
  if (entry.values.size() > 1 && option->get_expected_max() <= 1)
    return "'" + entry.key + "' takes one value";
  const bool flag = option->get_expected_max() == 0;
  if (flag && entry.values.front() != "true" && entry.values.front() != "false")
    return "'" + entry.key + "' takes true or false";
  return {};
}

const CLI::Option* FindOption(const CLI::App& capture, const std::string& key) {
  return key.size() < 2 ? nullptr : capture.get_option_no_throw("--" + key);
}

// The command line has said otherwise.
bool Overruled(const CLI::Option& option) {
  const auto given = [](const CLI::Option* other) { return other->count() > 0; };
  return given(&option) || std::ranges::any_of(option.get_excludes(), given);
}

// Where the value is that CLI11 refuses, by how its message begins; the file if it does not say.
std::string PlaceOfRefusal(const std::string& message, const std::vector<ConfigEntry>& entries,
                           const std::string& path) {
  const auto entry = std::ranges::find_if(
      entries, [&](const ConfigEntry& one) { return message.starts_with("--" + one.key + ":"); });
  return entry == entries.end() ? path : PlaceOf(*entry, path);
}

Result<void> ReadConfigInto(CLI::App& capture, const std::string& path) {
  auto entries = ReadConfigFile(path);
  if (!entries) {
    entries.error().code = Errc::kUsage;  // as with any file that an option names
    return tl::make_unexpected(entries.error());
  }
  for (const ConfigEntry& entry : *entries) {
    const std::string wrong = WhatIsWrong(entry, FindOption(capture, entry.key));
    if (!wrong.empty())
      return Fail(Errc::kUsage, 0, "use " + PlaceOf(entry, path) + ": " + wrong, kKeysAre);
  }
  std::vector<ConfigEntry> used = *entries;
  std::erase_if(
      used, [&](const ConfigEntry& entry) { return Overruled(*FindOption(capture, entry.key)); });
  capture.config_formatter(std::make_shared<ReadEntries>(std::move(used)));
  try {
    std::istringstream none;
    capture.parse_from_stream(none);
  } catch (const CLI::ParseError& error) {
    return Fail(Errc::kUsage, 0, "use " + PlaceOfRefusal(error.what(), *entries, path),
                error.what());
  }
  return {};
}

// What only the whole can show: a part may be in the file, and the rest on the command line.
Result<void> CheckTogether(const CLI::App& capture, const CaptureOptions& options) {
  for (const char* const part :
       {"--event-log-payload", "--event-log-rotate", "--event-log-keep", "--event-log-gzip"}) {
    if (options.event_log.empty() && capture.get_option(part)->count() > 0)
      return Fail(Errc::kUsage, 0, std::string("use ") + part, "add --event-log PATTERN");
  }
  if (options.no_ipc && (options.ipc_public || !options.ipc_group.empty()))
    return Fail(Errc::kUsage, 0, "open a socket to others",
                "leave out --no-ipc, or --ipc-group and --ipc-public");
  TLSCOPE_TRY(const auto outputs, OutputsOf(options));
  return {};
}

}  // namespace

void AddWhatIsCaptured(CLI::App& command, CaptureOptions& options) {
  AddFilters(command, options);
  AddProbes(command, options);
}

void AddVerbosity(CLI::App& command, CaptureOptions& options) {
  command.option_defaults()->group("Diagnostics");
  command.add_flag("-q,--quiet", options.quiet, "Print only warnings and errors");
  command.add_flag("-v,--verbose", options.verbose, "Also print messages of the BPF library");
}

CLI::App* AddCapture(CLI::App& app, CaptureOptions& options) {
  CLI::App* const capture =
      app.add_subcommand("capture", "Print the plaintext of the TLS traffic on this host");
  AddWhatIsCaptured(*capture, options);
  AddOutputs(*capture, options);
  AddMessageViews(*capture, options);
  AddEventLog(*capture, options);
  AddControl(*capture, options);
  AddVerbosity(*capture, options);
  return capture;
}

Result<void> CompleteCapture(CLI::App& capture, CaptureOptions& options) {
  if (!options.config_path.empty()) {
    if (auto read = ReadConfigInto(capture, options.config_path); !read) return read;
  }
  options.instance_given = capture.get_option("--instance")->count() > 0;
  return CheckTogether(capture, options);
}

Result<CaptureOptions> ParseCaptureOptions(const std::vector<std::string>& arguments) {
  CLI::App app;
  CaptureOptions options;
  options.arguments = arguments;
  CLI::App* const capture = AddCapture(app, options);
  std::vector<const char*> words;
  words.reserve(arguments.size());
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  try {
    app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::ParseError& error) {
    return Fail(Errc::kUsage, 0, "read the command line", error.what());
  }
  TLSCOPE_TRY(CompleteCapture(*capture, options));
  return options;
}

}  // namespace tlscope
