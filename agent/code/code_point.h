// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/code/result_flow.h"
#include "agent/code/value_flow.h"
#include "bpf/tlscope_abi.h"

namespace tlscope {

/// An instruction to probe.
struct CodePoint {
  std::uint64_t address = 0;
  bool emulated = false;  ///< else the program takes a second trap there
  tlscope_point point{};
};

/// What has to be known of the calls of a function.
struct CallShape {
  unsigned arguments = 0;         ///< the first ones that are read at its way in
  std::optional<unsigned> moved;  ///< the argument, from 0, that points to how much was moved
  ResultKind result = ResultKind::kNothing;
};

/// Which instructions can be probed.
enum class PointChoice : std::uint8_t {
  kAny,
  kFrameless,  ///< those with the stack pointer where it was at the start, and the result in rax
};

/// Where calls end, all of them; or none, and why.
struct WaysOut {
  std::vector<CodePoint> points;
  std::string refusal;  ///< for people
};

/// How many of `points` are not emulated.
std::size_t CountStepped(const std::vector<CodePoint>& points);

/// Where `value` is, as far as `state` tells, for a call whose stack pointer was `origin` away from
/// the one that the state's distances are from.
tlscope_place PlaceOf(const FlowState& state, FlowValue value, std::int64_t origin);

/// The place of a result.
tlscope_place ResultPlace(RegisterNumber result);

}  // namespace tlscope
