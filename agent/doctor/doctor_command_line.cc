// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/doctor_command_line.h"

#include <CLI/CLI.hpp>

#include "agent/options/option_checks.h"

namespace tlscope {

CLI::App* AddDoctor(CLI::App& app, DoctorOptions& options) {
  CLI::App* const doctor = app.add_subcommand(
      "doctor", "Report what this host can capture, and why a capture may stay empty");
  doctor->option_defaults()->group("Report");
  doctor->add_option("--pid", options.pids, "Report on this process only (repeatable)")
      ->type_name("PID")
      ->check(Id("process id", 1));
  doctor->add_option("--seconds", options.seconds, "Capture on trial for SECONDS (0: do not)")
      ->type_name("SECONDS")
      ->check(Seconds(3600))
      ->capture_default_str();
  doctor->add_flag("--json", options.json, "Print JSON, for programs");
  AddFile(*doctor, "--btf", options.btf_path,
          "Read kernel types from FILE, for a kernel that does not carry its own");
  return doctor;
}

}  // namespace tlscope
