// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "agent/code/function_graph.h"
#include "agent/code/value_flow.h"

namespace tlscope {

/// What a function returns.
enum class ResultKind : std::uint8_t { kNothing, kInt32, kInt64 };

/// Whether all that a call gives its caller is there before an instruction runs.
struct Finality {
  enum class Kind : std::uint8_t {
    kNeverReturns,  ///< it ends the program, or loops for ever: there is nothing to give
    kFinal,         ///< the result is in `result`, and memory is as the caller will see it
    kNotFinal,
  };
  Kind kind = Kind::kNeverReturns;
  RegisterNumber result = kNoRegister;  ///< kNoRegister for a function that returns nothing

  bool final() const { return kind == Kind::kFinal; }
  bool operator==(const Finality&) const = default;
};

/// For each node of a graph whether the call is final before it, on every way from there. A call
/// and a store to what is not certainly the function's own stack may change what the caller sees,
/// so that nothing is final before them. `values` are those of FollowValues.
std::vector<Finality> FollowResult(const FunctionGraph& graph,
                                   const std::vector<std::optional<FlowState>>& values,
                                   ResultKind result);

}  // namespace tlscope
