// SPDX-License-Identifier: Apache-2.0
#include "agent/command_line.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "agent/capture/capture.h"
#include "agent/client/client_commands.h"
#include "agent/collect/collect_command_line.h"
#include "agent/control/live_settings.h"
#include "agent/doctor/doctor.h"
#include "agent/options/capture_command_line.h"
#include "agent/options/option_checks.h"
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

CLI::App* AddDoctor(CLI::App& app, DoctorOptions& options) {
  CLI::App* doctor = app.add_subcommand(
      "doctor", "Report what this host can capture, and why a capture may stay empty");
  doctor->add_option("--pid", options.pids, "Report on this process only (repeatable)")
      ->check(Id("process id", 1));
  doctor->add_option("--seconds", options.seconds, "How long to capture on trial; 0: not at all")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  doctor->add_flag("--json", options.json, "Print JSON, for programs");
  doctor->add_option("--btf", options.btf_path, "Read the kernel's types from this file")
      ->check(CLI::ExistingFile);
  return doctor;
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

int RunCommandLine(int argc, char** argv) {
  CLI::App app("tlscope shows what the programs on this host say over TLS.", "tlscope");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  CaptureOptions options;
  options.arguments.assign(argv, argv + argc);
  CLI::App* const capture = AddCapture(app, options);
  DoctorOptions doctor_options;
  const CLI::App* const doctor = AddDoctor(app, doctor_options);
  CollectOptions collect_options;
  const CLI::App* const collect = AddCollect(app, collect_options);
  const ClientCommands clients(app);
  const RecordingCommands recordings(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "tlscope: " << WhatIsWrong(app, error) << "; see tlscope --help\n";
    return kExitUsage;
  }

  if (capture->parsed()) {
    if (const Result<void> result = CompleteCapture(*capture, options); !result) {
      std::cerr << "tlscope: " << result.error().Describe() << "\n";
      return ExitStatusOf(result.error());
    }
  }

  OpenLog(collect->parsed() && collect_options.quiet ? LogLevel::kWarn : LogLevelOf(options));
  if (doctor->parsed()) return DoctorStatus(doctor_options);
  std::optional<Result<void>> done = clients.Run();
  if (!done) done = recordings.Run();
  if (!done && collect->parsed()) done = RunCollect(collect_options);
  if (const Result<void> result = done ? *done : RunCapture(options); !result) {
    spdlog::error("{}", result.error().Describe());
    return ExitStatusOf(result.error());
  }
  return kExitOk;
}

}  // namespace tlscope
