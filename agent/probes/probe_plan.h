// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/probes/tls_family.h"
#include "processor/base/result.h"

namespace tlscope {

/// Where the probes of a library go.
enum class AttachMode : std::uint8_t {
  kAuto,    ///< the cheapest place that certainly sees the same calls
  kPublic,  ///< the public functions
};

/// Where the probes of one direction of a library are.
enum class AttachPoint : std::uint8_t {
  kNone,    ///< the library has no such function
  kInner,   ///< the one function that all public ones call
  kPublic,  ///< each public function
};
struct AttachPoints {
  AttachPoint read = AttachPoint::kNone;
  AttachPoint write = AttachPoint::kNone;
  bool operator==(const AttachPoints&) const = default;
};

/// A BPF program, by name, and the place in a file where it is to run.
struct PlannedProbe {
  std::string_view function;  ///< whose calls it sees
  std::uint64_t offset;       ///< in the file
  std::string_view program;
  bool at_return;
  bool operator==(const PlannedProbe&) const = default;
};

/// What is to be attached where in one library. Attaches nothing, and needs no privilege.
struct ProbePlan {
  std::vector<PlannedProbe> probes;
  AttachPoints points;
};

/// Plans the probes of a family for the ELF file at `path`, which may be hostile. kNotFound: it has
/// no function of the family that carries data; kSystem: it cannot be read. Errors call the file by
/// `name`.
Result<ProbePlan> PlanProbes(const TlsFamily& family, AttachMode mode, const std::string& path,
                             const std::string& name);

}  // namespace tlscope
