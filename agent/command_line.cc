// SPDX-License-Identifier: Apache-2.0
#include "agent/command_line.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/capture/capture.h"
#include "agent/client/client_commands.h"
#include "agent/collect/collect_command_line.h"
#include "agent/control/live_settings.h"
#include "agent/doctor/doctor_command_line.h"
#include "agent/options/capture_command_line.h"
#include "agent/options/help_format.h"
#include "agent/recording/recording_commands.h"
#include "agent/terminal/log.h"

namespace tlscope {
namespace {

constexpr const char* kVersion = "tlscope " TLSCOPE_VERSION;

int ExitStatusOf(const Error& error) {
  switch (error.code) {
    case Errc::kUsage:
      return kExitUsage;
    case Errc::kPrivilege:
    case Errc::kUnsupported:
      return kExitMissing;
    case Errc::kNotFound:
    case Errc::kSystem:
    case Errc::kInvalidRecord:
      return kExitFailure;
  }
  return kExitFailure;
}

int DoctorStatus(const DoctorOptions& options) {
  const Result<bool> works = RunDoctor(options);
  if (works) return *works ? kExitOk : kExitMissing;
  spdlog::error("{}", works.error().Describe());
  return ExitStatusOf(works.error());
}

// A word that is no command is what the user has to hear of, not that a command is missing.
std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining();
  if (unknown.empty()) return error.what();
  return "unknown command or option '" + unknown.front() + "'";
}

}  // namespace

struct Commands::State {
  CaptureOptions capture_options;
  CollectOptions collect_options;
  DoctorOptions doctor_options;
  CLI::App* capture = nullptr;
  const CLI::App* collect = nullptr;
  const CLI::App* doctor = nullptr;
  std::optional<RecordingCommands> recordings;
  std::optional<ClientCommands> clients;
};

Commands::Commands(CLI::App& app) : state_(std::make_unique<State>()) {
  UseHelpFormat(app);
  app.set_version_flag("--version", kVersion, "Print the version and exit");
  app.require_subcommand(1);
  // In the order of --help.
  state_->capture = AddCapture(app, state_->capture_options);
  state_->recordings.emplace(app);
  state_->clients.emplace(app);
  state_->collect = AddCollect(app, state_->collect_options);
  state_->doctor = AddDoctor(app, state_->doctor_options);
}

Commands::~Commands() = default;

int Commands::Run(std::vector<std::string> arguments) {
  CaptureOptions& options = state_->capture_options;
  options.arguments = std::move(arguments);
  if (state_->capture->parsed()) {
    if (const auto complete = CompleteCapture(*state_->capture, options); !complete) {
      std::cerr << "tlscope: " << complete.error().Describe() << "\n";
      return ExitStatusOf(complete.error());
    }
  }
  const bool collects = state_->collect->parsed();
  OpenLog(collects && state_->collect_options.quiet ? LogLevel::kWarn : LogLevelOf(options));
  if (state_->doctor->parsed()) return DoctorStatus(state_->doctor_options);
  std::optional<Result<void>> done = state_->clients->Run();
  if (!done) done = state_->recordings->Run();
  if (!done && collects) done = RunCollect(state_->collect_options);
  if (const Result<void> result = done ? *done : RunCapture(options); !result) {
    spdlog::error("{}", result.error().Describe());
    return ExitStatusOf(result.error());
  }
  return kExitOk;
}

int RunCommandLine(int argc, char** argv) {
  CLI::App app("tlscope shows in plain text what the programs on this host send over TLS.",
               "tlscope");
  Commands commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "tlscope: " << WhatIsWrong(app, error) << "; see tlscope --help\n";
    return kExitUsage;
  }
  return commands.Run({argv, argv + argc});
}

}  // namespace tlscope
