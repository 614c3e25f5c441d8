// SPDX-License-Identifier: Apache-2.0
#include "agent/code/result_flow.h"

namespace tlscope {
namespace {

constexpr Finality kNotFinal{Finality::Kind::kNotFinal, kNoRegister};

Finality Merged(Finality one, Finality other) {
  if (one.kind == Finality::Kind::kNeverReturns) return other;
  if (other.kind == Finality::Kind::kNeverReturns || one == other) return one;
  return kNotFinal;
}

class Backward {
 public:
  Backward(const FunctionGraph& graph, const std::vector<std::optional<FlowState>>& values,
           ResultKind result)
      : graph_(graph), values_(values), result_(result) {}

  Finality Before(NodeIndex node, const std::vector<Finality>& known) const {
    const Instruction& code = graph_.nodes[node].code;
    if (graph_.nodes[node].untold || !values_[node]) return kNotFinal;
    if (code.flow == Flow::kReturn)
      return {Finality::Kind::kFinal, result_ == ResultKind::kNothing ? kNoRegister : kRax};
    Finality after;
    for (const NodeIndex next : graph_.nodes[node].next) after = Merged(after, known[next]);
    if (!after.final()) return after;
    if (!WritesOwnStackAtMost(code, *values_[node])) return kNotFinal;
    if ((code.writes & SetOf(after.result)) == 0) return after;
    if (code.move != Move::kCopy || code.to != after.result) return kNotFinal;
    if (code.width == CopyWidth::kLow32 && result_ == ResultKind::kInt64) return kNotFinal;
    return {Finality::Kind::kFinal, code.from};
  }

 private:
  const FunctionGraph& graph_;
  const std::vector<std::optional<FlowState>>& values_;
  const ResultKind result_;
};

}  // namespace

std::vector<Finality> FollowResult(const FunctionGraph& graph,
                                   const std::vector<std::optional<FlowState>>& values,
                                   ResultKind result) {
  const Backward backward(graph, values, result);
  std::vector<Finality> known(graph.nodes.size());
  std::vector<NodeIndex> waiting;
  for (NodeIndex node = 0; node < graph.nodes.size(); ++node) waiting.push_back(node);
  while (!waiting.empty()) {
    const NodeIndex node = waiting.back();
    waiting.pop_back();
    const Finality before = backward.Before(node, known);
    if (before == known[node]) continue;
    known[node] = before;
    for (const NodeIndex previous : graph.nodes[node].previous) waiting.push_back(previous);
  }
  return known;
}

}  // namespace tlscope
