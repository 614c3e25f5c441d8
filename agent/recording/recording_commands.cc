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
          return "invalid duration '" + value + "': expected 30s, 5m or 2h, for example";
        value = std::to_string(number * seconds * 1000);
        return {};
      },
      "");
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
          return "invalid speed '" + value + "': expected max, or 0.001x to 1000000x, such as 2.5x";
        value = good ? value.substr(0, value.size() - unit.size()) : "0";
        return {};
      },
      "");
}

CLI::App* AddRecord(CLI::App& app, RecordOptions& options) {
  CLI::App* const record = app.add_subcommand(
      "record", "Record what the TLS libraries on this host send and receive, for replay");
  record->option_defaults()->group("Recording");
  CLI::Option* const file =
      record
          ->add_option("file", options.path,
                       "The recording; compressed if it ends in .zst; - is standard output")
          ->type_name("FILE")
          ->check(Nonempty("the recording's name"));
  record->add_option("-o,--output", options.path, "Same as FILE")
      ->type_name("FILE")
      ->excludes(file)
      ->check(Nonempty("the recording's name"));
  record->add_flag("--force", options.replace, "Replace an existing recording");
  record
      ->add_option_function<std::int64_t>(
          "--duration", [&options](std::int64_t ms) { options.duration = milliseconds(ms); },
          "Stop after DURATION: 30s, 5m, 2h or a number of seconds")
      ->type_name("DURATION")
      ->transform(Duration());
  record->add_option("--count", options.calls, "Stop after N SSL calls that moved data")
      ->type_name("N")
      ->check(Number(0, UINT64_MAX));
  AddProgress(*record, options.progress);
  AddWhatIsCaptured(*record, options.capture);
  AddVerbosity(*record, options.capture);
  return record;
}

CLI::App* AddReplay(CLI::App& app, ReplayOptions& options) {
  CLI::App* const replay =
      app.add_subcommand("replay", "Print the messages of a recording; needs no privileges");
  replay->option_defaults()->group("Recording");
  replay->add_option("file", options.path, "The recording; - is standard input")
      ->type_name("FILE")
      ->required()
      ->check(Nonempty("the recording's name"));
  replay
      ->add_option("--speed", options.speed,
                   "Replay as fast as possible (max), as it happened (1x) or N times as fast")
      ->type_name("max|Nx")
      ->transform(Speed())
      ->default_str("max");
  AddOutputs(*replay, options.output);
  AddMessageViews(*replay, options.output);
  AddProgress(*replay, options.progress);
  replay->option_defaults()->group("Diagnostics");
  replay->add_flag("-q,--quiet", options.quiet, "Print only warnings and errors");
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
    TLSCOPE_TRY(const auto outputs, OutputsOf(state_->replay.output));
    return RunReplay(state_->replay);
  }
  return std::nullopt;
}

}  // namespace tlscope
