// SPDX-License-Identifier: Apache-2.0
#include "agent/code/inner_function.h"

#include <map>

namespace tlscope {
namespace {

constexpr unsigned kUntouchedByPlain = 2;  // the object and the buffer; it widens the size

/// The calls of one function by what they call: what is known before the call, or nullopt where
/// there is more than one.
std::map<std::uint64_t, std::optional<FlowState>> CallsIn(const DecodedFunction& function) {
  std::map<std::uint64_t, std::optional<FlowState>> calls;
  for (NodeIndex i = 0; i < function.graph.nodes.size(); ++i) {
    const Instruction& code = function.graph.nodes[i].code;
    if (code.flow != Flow::kCall || code.target == 0) continue;
    const auto [call, first] = calls.emplace(code.target, function.values[i]);
    if (!first) call->second.reset();
  }
  return calls;
}

bool PassesOn(const FlowState& state, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    if (state.registers[kArgumentRegisters[i]] != FlowValue::Argument(i)) return false;
  }
  return true;
}

}  // namespace

std::optional<std::uint64_t> FindInnerFunction(const DecodedFunction& plain,
                                               const DecodedFunction& ex, const CallShape& shape) {
  if (!shape.moved) return std::nullopt;
  const auto plain_calls = CallsIn(plain);
  std::optional<std::uint64_t> inner;
  for (const auto& [target, of_ex] : CallsIn(ex)) {
    const auto of_plain = plain_calls.find(target);
    if (!of_ex || of_plain == plain_calls.end() || !of_plain->second) continue;
    if (!PassesOn(*of_ex, shape.arguments)) continue;
    if (!PassesOn(*of_plain->second, kUntouchedByPlain)) continue;
    const FlowValue moved = of_plain->second->registers[kArgumentRegisters[*shape.moved]];
    if (moved.kind != FlowValue::Kind::kStackAddress) continue;
    if (inner) return std::nullopt;  // which of them cannot be told
    inner = target;
  }
  return inner;
}

}  // namespace tlscope
