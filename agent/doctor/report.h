// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tlscope {

/// Something that capturing takes, and whether it is there.
struct DoctorCheck {
  std::string id;  ///< stable, for programs
  bool passed = false;
  bool required = true;
  std::string detail;
};

/// Of several ways to do one thing, which is in use.
struct DoctorStrategy {
  std::string feature;
  std::string used;
  std::vector<std::string> tried;  ///< in this order; what is used is the last
};

/// An instruction at which calls of a function are seen to begin or to end.
struct DoctorPoint {
  std::string function;
  std::string end;           ///< "entry" or "exit"
  std::uint64_t offset = 0;  ///< in the file
  std::string cost;          ///< "emulated": one trap; "stepped": two
};

/// A function that is not probed although a library has it.
struct DoctorRefusal {
  std::string function;
  std::string reason;
};

/// A file with OpenSSL or BoringSSL in it.
struct DoctorLibrary {
  std::string path;
  std::string version;  ///< "unknown" when the file does not say
  std::vector<std::string> symbols;
  std::vector<std::string> missing;
  bool attached = false;
  std::string error;       ///< why it is not attached to; empty when it was not tried
  std::string read_point;  ///< "inner", "public" or "none"
  std::string write_point;
  std::vector<DoctorPoint> points;     ///< those of a function in a row, its entry first
  std::vector<DoctorRefusal> refused;  ///< where its calls cannot be seen without harm
  std::uint64_t hits = 0;              ///< calls in processes that map no other library
  std::uint64_t shared_hits = 0;       ///< calls in processes that map others, too
  bool leased = true;                  ///< false: it can be written to under its probes
};

struct DoctorProcess {
  std::uint32_t pid = 0;
  std::string comm;
  std::vector<std::size_t> libraries;  ///< indices into DoctorReport::libraries
  std::vector<std::string> other_tls;  ///< TLS that is not captured: "GnuTLS"
  std::uint64_t hits = 0;
  std::uint64_t hits_with_peer = 0;
};

struct DoctorTrial {
  double seconds = 0;
  std::uint64_t hits = 0;  ///< SSL calls that moved data
  std::uint64_t bytes = 0;
  std::uint64_t hits_with_peer = 0;
};

struct DoctorReport {
  std::string version;
  std::string kernel;
  std::vector<DoctorCheck> checks;
  std::vector<DoctorStrategy> strategies;
  std::vector<DoctorLibrary> libraries;
  std::vector<DoctorProcess> processes;  ///< those with TLS of some kind
  std::size_t processes_seen = 0;
  std::size_t processes_hidden = 0;  ///< that could not be looked into
  std::optional<DoctorTrial> trial;

  /// Whether a capture would work, as far as this host goes.
  bool Works() const {
    for (const DoctorCheck& check : checks) {
      if (check.required && !check.passed) return false;
    }
    return true;
  }
};

/// Plain sentences: what keeps a capture from working, or may leave it empty. Pure.
std::vector<std::string> Conclusions(const DoctorReport& report);

/// The report for people, conclusions included. Pure.
std::string DoctorText(const DoctorReport& report);

/// The same for programs: a JSON object. Names and paths that are not UTF-8 have U+FFFD where they
/// are not. Pure.
std::string DoctorJson(const DoctorReport& report);

}  // namespace tlscope
