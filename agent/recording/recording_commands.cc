// SPDX-License-Identifier: Apache-2.0
#include "agent/recording/recording_commands.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "agent/control/live_settings.h"
#include "agent/options/capture_command_line.h"
#include "agent/options/option_checks.h"
#include "agent/options/output_command_line.h"
#include "agent/recording/record.h"
#include "agent/recording/replay.h"
#include "agent/terminal/log.h"
#include "agent/terminal/progress.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;

// A year: what is longer is a slip.
constexpr std::int64_t kMostSeconds = std::int64_t{366} * 86400;

/// "30s", "5m", "2h" or a number of seconds, made a number of milliseconds.
CLI::Validator Duration() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        std::int64_t number = 0;
        const char* const end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, number);
        const std::string unit(parsed.ptr, end);
        const std::int64_t seconds = unit.empty() || unit == "s" ? 1
                                     : unit == "m"               ? 60
                                     : unit == "h"               ? 3600
                                                                 : 0;
        if (parsed.ec != std::errc() || seconds == 0 || number < 1 ||
            number > kMostSeconds / seconds)
          return "'" + value + "' is no duration, such as 30s, 5m or 2h";
        value = std::to_string(number * seconds * 1000);
        return {};
      },
      "TIME");
}

/// "max", or "2.5x", made a number; 0 is max.
CLI::Validator Speed() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        double number = 0;
        const char* const end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, number);
        const std::string unit(parsed.ptr, end);
        const bool good = parsed.ec == std::errc() && (unit.empty() || unit == "x") &&
                          number >= 1e-3 && number <= 1e6;
        if (!good && value != "max")
          return "'" + value + "' is no speed: max, or 1x, 2.5x (0.001x to 1000000x)";
        value = good ? value.substr(0, value.size() - unit.size()) : "0";
        return {};
      },
      "max|Nx");
}

CLI::App* AddRecord(CLI::App& app, RecordOptions& options) {
  CLI::App* const record =
      app.add_subcommand("record", "Record what the TLS libraries on this host do, for replay");
  CLI::Option* const file =
      record
          ->add_option("file", options.path,
                       "The recording, compressed if it ends in .zst; - for standard output")
          ->type_name("FILE")
          ->check(Nonempty("the recording's name"));
  record->add_option("-o,--output", options.path, "The same")
      ->type_name("FILE")
      ->excludes(file)
      ->check(Nonempty("the recording's name"));
  record->add_flag("--force", options.replace, "Replace a recording that is there");
  record
      ->add_option_function<std::int64_t>(
          "--duration", [&options](std::int64_t ms) { options.duration = milliseconds(ms); },
          "End after so long: 30s, 5m, 2h or a number of seconds")
      ->transform(Duration());
  record
      ->add_option("--count", options.calls,
                   "End after so many calls that sent or received something")
      ->check(Count(UINT64_MAX));
  AddProgress(*record, options.progress);
  AddWhatIsCaptured(*record, options.capture);
  record->add_flag("-q,--quiet", options.capture.quiet, "Print warnings and errors only");
  record->add_flag("-v,--verbose", options.capture.verbose,
                   "Print what the BPF library says as well");
  return record;
}

CLI::App* AddReplay(CLI::App& app, ReplayOptions& options) {
  CLI::App* const replay =
      app.add_subcommand("replay", "Print the messages of a recording; needs no privileges");
  replay->add_option("file", options.path, "The recording; - for standard input")
      ->type_name("FILE")
      ->required()
      ->check(Nonempty("the recording's name"));
  replay
      ->add_option("--speed", options.speed,
                   "max: as fast as it goes; 1x: as it happened; 2.5x and so on")
      ->transform(Speed())
      ->default_str("max");
  AddOutputs(*replay, options.output);
  AddMessageViews(*replay, options.output);
  AddProgress(*replay, options.progress);
  replay->add_flag("-q,--quiet", options.quiet, "Print warnings and errors only");
  return replay;
}

}  // namespace

struct RecordingCommands::State {
  RecordOptions record;
  ReplayOptions replay;
  const CLI::App* record_app = nullptr;
  const CLI::App* replay_app = nullptr;
};

RecordingCommands::RecordingCommands(CLI::App& app) : state_(std::make_unique<State>()) {
  // A recorder is not to be mistaken for the capture that clients look for.
  state_->record.capture.no_ipc = true;
  state_->record_app = AddRecord(app, state_->record);
  state_->replay_app = AddReplay(app, state_->replay);
}

RecordingCommands::~RecordingCommands() = default;

std::optional<Result<void>> RecordingCommands::Run() const {
  if (state_->record_app->parsed()) {
    SetLogLevel(LogLevelOf(state_->record.capture));
    return RunRecord(state_->record);
  }
  if (state_->replay_app->parsed()) {
    SetLogLevel(state_->replay.quiet ? LogLevel::kWarn : LogLevel::kInfo);
    const auto outputs = OutputsOf(state_->replay.output);
    if (!outputs) return tl::make_unexpected(outputs.error());
    return RunReplay(state_->replay);
  }
  return std::nullopt;
}

}  // namespace tlscope
