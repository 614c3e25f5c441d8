// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/probes/tls_family.h"
#include "bpf/tlscope_abi.h"
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

/// What a way in or out costs the program that passes it, from the cheapest.
enum class PointPrice : std::uint8_t {
  kEmulated,  ///< the kernel does the instruction's work itself: one trap
  kStepped,   ///< it runs a copy of it, and traps once more
};

/// Which end of a call an instruction is at.
enum class CallEnd : std::uint8_t { kEntry, kExit };

/// A BPF program, by name, and the instruction at which it is to run. No probe is a return probe:
/// those replace the return address, which an exception or a coroutine does not survive.
struct PlannedProbe {
  std::string_view function;  ///< whose calls it sees
  std::uint64_t offset;       ///< in the file, where an instruction of a decoded function begins
  std::string_view program;
  CallEnd end;
  PointPrice price;
  tlscope_point point;  ///< what the program has to know of the instruction
};

/// A function whose calls are not seen although the library has it.
struct RefusedFunction {
  std::string_view function;
  std::string reason;  ///< for people: why its calls cannot be seen without harm
};

/// What is to be attached where in one library. Attaches nothing, and needs no privilege.
struct ProbePlan {
  std::vector<PlannedProbe> probes;
  std::vector<RefusedFunction> refused;
  AttachPoints points;
};

/// What the kernel can tell a program about the instruction that it runs at.
enum class PointSupport : std::uint8_t {
  kCookies,  ///< a tlscope_point for each: any instruction will do (5.15)
  kNone,     ///< entries at the function's start, exits where the frame is gone: at `ret`
};

/// Plans the probes of a family for the ELF file at `path`, which may be hostile. A plan without
/// probes says why each function that carries data is refused. kNotFound: it has no such function;
/// kSystem: it cannot be read. Errors call the file by `name`.
Result<ProbePlan> PlanProbes(const TlsFamily& family, AttachMode mode, PointSupport support,
                             const std::string& path, const std::string& name);

}  // namespace tlscope
