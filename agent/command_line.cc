// SPDX-License-Identifier: Apache-2.0
#include "agent/command_line.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "agent/capture.h"
#include "agent/doctor.h"

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

// `-o -` and `--format text` are the one output there is; whatever else is asked for is refused
// here, with what would work.
CLI::Validator StdoutTarget() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        if (value == "-" || value == "text:-") return {};
        return "cannot write to '" + value + "'; the output is text on standard output: use -o -";
      },
      "-");
}

// CLI11's own ranges are printed with all the 309 digits of their upper end.
CLI::Validator Id(const char* what, std::uint32_t least) {
  return CLI::Validator(
      [what, least](std::string& value) -> std::string {
        std::uint32_t id = 0;
        const char* const end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, id);
        if (parsed.ec == std::errc() && parsed.ptr == end && id >= least) return {};
        return "'" + value + "' is no " + what;
      },
      "ID");
}

// CLI11 by itself takes -1 for the largest number there is.
CLI::Validator Size() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        if (value.starts_with('-')) return "a size is not negative: '" + value + "'";
        return CLI::AsSizeValue(false)(value);
      },
      "SIZE");
}

CLI::Validator Port() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        std::uint16_t port = 0;
        const char* const end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, port);
        if (parsed.ec == std::errc() && parsed.ptr == end && port != 0) return {};
        return "'" + value + "' is no port (1 to 65535)";
      },
      "PORT");
}

CLI::Validator CommName() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        // The kernel keeps 15 bytes of a name (TASK_COMM_LEN, proc(5)): a longer one never matches.
        if (!value.empty() && value.size() <= 15) return {};
        return "a process name has 1 to 15 bytes, '" + value + "' has " +
               std::to_string(value.size());
      },
      "NAME");
}

CLI::Option* AddSize(CLI::App& command, const std::string& flags, std::uint64_t& bytes,
                     const std::string& help) {
  return command.add_option(flags, bytes, help + " (takes KiB, MiB, GiB)")
      ->transform(Size())
      ->capture_default_str();
}

// One of some names, each standing for a value.
template <class Value>
CLI::Option* AddChoice(CLI::App& command, const std::string& flags, Value& value,
                       const std::map<std::string, Value>& choices, const std::string& help) {
  std::string initial;
  std::string names;
  for (const auto& [name, choice] : choices) {
    if (choice == value) initial = name;
    names += names.empty() ? name : "|" + name;
  }
  const auto to_number = [choices, names](std::string& word) -> std::string {
    const auto choice = choices.find(word);
    if (choice == choices.end()) return "'" + word + "' is none of " + names;
    word = std::to_string(static_cast<int>(choice->second));
    return {};
  };
  return command.add_option(flags, value, help)
      ->transform(CLI::Validator(to_number, names))
      ->default_str(initial);
}

void AddOutput(CLI::App& capture, CaptureOptions& options) {
  AddChoice<OutputFormat>(capture, "--format", options.format,
                          {{"text", OutputFormat::kText}, {"line", OutputFormat::kLine}},
                          "text: messages as they were sent; line: one line per exchange");
  static std::string target = "-";
  capture.add_option("-o,--output", target, "Where to write")->check(StdoutTarget());
  AddSize(capture, "--tsize", options.message_bytes,
          "Bytes kept of one message's body; the rest is reported by size");
  AddSize(capture, "--max-body", options.max_body_bytes,
          "Bytes shown of a body, if less than --tsize; 0 for no further limit");
  capture
      .add_option("--protoset", options.protoset_path,
                  "Show gRPC messages as JSON by the descriptors in this file")
      ->check(CLI::ExistingFile);
  capture.add_flag("--show-frames", options.show_frames, "Print a line for each HTTP/2 frame, too");
  capture.add_flag("--show-handshakes", options.show_handshakes,
                   "Print lines for each TLS handshake, too: version, server name, protocols");
  capture.add_flag("--headers-only", options.headers_only, "Keep no bodies, only their sizes");
  capture.add_flag("--raw-body", options.raw_body,
                   "Leave bodies in the codings they were sent in (gzip, br and so on)");
  CLI::Option* const binary = AddChoice<BodyView>(
      capture, "--binary", options.body_view,
      {{"auto", BodyView::kAuto}, {"show", BodyView::kShow}, {"hex", BodyView::kHex}},
      "Binary bodies: auto, by size and type; show, as they are; hex, as --hex");
  capture
      .add_flag_callback(
          "--hex", [&options] { options.body_view = BodyView::kHex; }, "Bodies as hex dumps")
      ->excludes(binary);
  capture.add_flag("--pretty", options.pretty_json, "Lay out JSON bodies over lines");
  AddChoice<ColorMode>(
      capture, "--color", options.color,
      {{"auto", ColorMode::kAuto}, {"always", ColorMode::kAlways}, {"never", ColorMode::kNever}},
      "Colour the text; auto: on a terminal, unless NO_COLOR is set");
}

void AddCapture(CLI::App& app, CaptureOptions& options) {
  CLI::App* capture =
      app.add_subcommand("capture", "Print the plaintext of the TLS traffic on this host");
  capture->add_option("--pid", options.pids, "Only this process and its children (repeatable)")
      ->check(Id("process id", 1));
  capture->add_option("--uid", options.uids, "Only processes of this user id (repeatable)")
      ->check(Id("user id", 0));
  capture->add_option("--comm", options.comms, "Only processes of this name (repeatable)")
      ->check(CommName());
  capture->add_option("--cgroup", options.cgroups,
                      "Only processes in this control group or below it: a directory, or its path "
                      "under the mount point of cgroup v2 (repeatable)");
  capture
      ->add_option("--port", options.ports,
                   "Only connections with this port at either end (repeatable)")
      ->check(Port());
  capture->add_option("--libssl", options.libraries, "Attach to this library too (repeatable)")
      ->check(CLI::ExistingFile);
  capture->add_flag("--wait", options.wait_for_library,
                    "Start even if no libssl is found yet, and wait for one");
  capture
      ->add_option("--detach-after", options.detach_after_s,
                   "Leave a library that no process has mapped for this many seconds; 0: never")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  AddSize(*capture, "--max-payload", options.max_payload_bytes,
          "Bytes captured of one SSL call; 0 for all");
  capture->add_option("--ring-mib", options.ring_mib, "Size of the ring buffer in MiB")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  capture->add_option("--btf", options.btf_path, "Read the kernel's types from this file")
      ->check(CLI::ExistingFile);
  AddChoice<bool>(*capture, "--attach", options.attach_public, {{"auto", false}, {"public", true}},
                  "Where to probe a library: auto, the cheapest certain place, or public, the "
                  "public functions");
  std::map<std::string, AttachStrategy> strategies{{"auto", AttachStrategy::kAuto}};
  for (const StrategyInfo& info : AllStrategies()) strategies.emplace(info.name, info.strategy);
  AddChoice<AttachStrategy>(*capture, "--attach-strategy", options.strategy, strategies,
                            "Where in the kernel socket calls are seen: auto, the cheapest it has");
  AddOutput(*capture, options);
  capture->add_flag("-q,--quiet", options.quiet, "Print warnings and errors only");
  capture->add_flag("-v,--verbose", options.verbose, "Print what the BPF library says as well");
}

CLI::App* AddDoctor(CLI::App& app, DoctorOptions& options) {
  CLI::App* doctor =
      app.add_subcommand("doctor", "Say what this host can do, and why a capture may stay empty");
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

void SetUpLog(const CaptureOptions& options) {
  auto log = spdlog::stderr_logger_mt("tlscope");
  log->set_pattern("%n: %v");
  log->flush_on(spdlog::level::trace);
  if (options.quiet) log->set_level(spdlog::level::warn);
  if (options.verbose) log->set_level(spdlog::level::debug);
  spdlog::set_default_logger(std::move(log));
}

// A word that is no command is what the user has to hear of, not that a command is missing.
std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining();
  if (unknown.empty()) return error.what();
  return "'" + unknown.front() + "' is no command and no option of tlscope";
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  CLI::App app("tlscope shows what the programs on this host say over TLS.", "tlscope");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  CaptureOptions options;
  AddCapture(app, options);
  DoctorOptions doctor_options;
  const CLI::App* const doctor = AddDoctor(app, doctor_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "tlscope: " << WhatIsWrong(app, error) << "; see tlscope --help\n";
    return kExitUsage;
  }

  SetUpLog(options);
  if (doctor->parsed()) return DoctorStatus(doctor_options);
  if (const Result<void> result = RunCapture(options); !result) {
    spdlog::error("{}", result.error().Describe());
    return ExitStatusOf(result.error());
  }
  return kExitOk;
}

}  // namespace tlscope
