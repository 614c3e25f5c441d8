// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "agent/code/code_point.h"
#include "agent/code/function_graph.h"

namespace tlscope {

/// A function, decoded, with what is known of its values at each instruction.
struct DecodedFunction {
  FunctionGraph graph;
  std::vector<std::optional<FlowState>> values;  ///< before each node
};

/// nullopt, and why in `reason`, as DecodeFunction.
std::optional<DecodedFunction> Decode(const CodeSource& source, std::uint64_t start,
                                      std::string& reason);

/// Where calls of a function begin: the first instruction that the kernel emulates which every call
/// passes once, with the arguments where the caller put them; else the first instruction of all.
/// nullopt: that one is part of a loop in which the arguments change.
std::optional<CodePoint> FindWayIn(const DecodedFunction& function, const CallShape& shape,
                                   PointChoice choice);

/// Where they end: on the ways to each `ret` the last instruction that the kernel emulates at which
/// the call is final. Where a way has none, another one shortly before the `ret`, or the `ret`. A
/// call may pass more than one of them. None of them is `way_in`.
WaysOut FindWaysOut(const DecodedFunction& function, const CallShape& shape, PointChoice choice,
                    const CodePoint& way_in);

}  // namespace tlscope
