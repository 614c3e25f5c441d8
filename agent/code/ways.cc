// SPDX-License-Identifier: Apache-2.0
#include "agent/code/ways.h"

#include <algorithm>
#include <set>
#include <utility>

namespace tlscope {
namespace {

bool HasArguments(const FlowState& state, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    if (state.registers[kArgumentRegisters[i]] != FlowValue::Argument(i)) return false;
  }
  return true;
}

CodePoint PointAt(const DecodedFunction& function, NodeIndex node) {
  const Instruction& code = function.graph.nodes[node].code;
  CodePoint point{code.address, code.emulated, {}};
  const auto depth = function.values[node] ? function.values[node]->Depth() : std::nullopt;
  point.point.frame = static_cast<std::int32_t>(-depth.value_or(0));
  return point;
}

/// The parts that others than the function at hand run through: those that it jumps to the start of
/// with nothing of its own left on the stack, as a call in the last place is made.
std::set<std::uint64_t> SharedParts(const DecodedFunction& function) {
  std::set<std::uint64_t> shared;
  const auto& nodes = function.graph.nodes;
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    for (const NodeIndex next : nodes[i].next) {
      const std::uint64_t part = nodes[next].part;
      if (part == nodes[i].part || part != nodes[next].code.address) continue;
      if (part == nodes[function.graph.entry].part || !function.values[i]) continue;
      if (function.values[i]->Depth() == 0) shared.insert(part);
    }
  }
  return shared;
}

/// Chooses the ways out of one function.
class WayOutSearch {
 public:
  WayOutSearch(const DecodedFunction& function, const CallShape& shape, PointChoice choice,
               const CodePoint& way_in)
      : function_(function),
        shape_(shape),
        choice_(choice),
        way_in_(way_in),
        finality_(FollowResult(function.graph, function.values, shape.result)),
        shared_(SharedParts(function)) {}

  WaysOut Run() {
    if (!function_.graph.fault.empty()) return {{}, function_.graph.fault};
    for (NodeIndex node = 0; node < Nodes().size(); ++node) {
      if (Nodes()[node].code.flow != Flow::kReturn) continue;
      if (function_.values[node]->Depth() != 0)
        return {{},
                "its stack pointer cannot be followed to the return at " +
                    HexText(Nodes()[node].code.address)};
      Cover(node);
    }
    if (chosen_.empty()) return {{}, "it never returns"};
    WaysOut ways;
    for (const NodeIndex node : chosen_) {
      // Of two programs at one instruction none knows which runs first.
      if (Nodes()[node].code.address == way_in_.address)
        return {{}, "its calls begin and end at one instruction"};
      ways.points.push_back(Describe(node));
    }
    return ways;
  }

 private:
  const std::vector<FunctionGraph::Node>& Nodes() const { return function_.graph.nodes; }

  bool MayBePoint(NodeIndex node) const {
    const auto depth = function_.values[node]->Depth();
    if (!finality_[node].final() || !depth || Nodes()[node].code.address == way_in_.address)
      return false;
    if (choice_ == PointChoice::kAny) return true;
    return *depth == 0 && (shape_.result == ResultKind::kNothing || finality_[node].result == kRax);
  }

  void Cover(NodeIndex ret) {
    std::set<NodeIndex> emulated;
    if (FindEmulated(ret, emulated))
      chosen_.insert(emulated.begin(), emulated.end());
    else
      chosen_.insert(FindStepped(ret));
  }

  /// Whether every way to `ret` passes one of `emulated`, the last ones of their ways.
  bool FindEmulated(NodeIndex ret, std::set<NodeIndex>& emulated) const {
    std::vector<NodeIndex> waiting{ret};
    std::set<NodeIndex> seen{ret};
    while (!waiting.empty()) {
      const NodeIndex node = waiting.back();
      waiting.pop_back();
      if (node == function_.graph.entry) return false;
      for (const NodeIndex previous : Nodes()[node].previous) {
        if (!finality_[previous].final()) return false;
        if (Nodes()[previous].code.emulated && MayBePoint(previous))
          emulated.insert(previous);
        else if (seen.insert(previous).second)
          waiting.push_back(previous);
      }
    }
    return true;
  }

  /// The first of the instructions that run straight to `ret`; `ret` if there is none. A copy of
  /// any costs the same but that of `ret`, which costs more, and early ones have more registers
  /// left.
  NodeIndex FindStepped(NodeIndex ret) const {
    NodeIndex best = ret;
    for (NodeIndex node = ret; Nodes()[node].previous.size() == 1;) {
      const NodeIndex previous = Nodes()[node].previous.front();
      if (function_.graph.StraightOn(previous) != node || !finality_[previous].final()) break;
      node = previous;
      if (Nodes()[node].code.plain && MayBePoint(node)) best = node;
    }
    return best;
  }

  CodePoint Describe(NodeIndex node) const {
    CodePoint point = PointAt(function_, node);
    const FlowState& state = *function_.values[node];
    point.point.result = ResultPlace(finality_[node].result);
    point.point.object = PlaceOf(state, FlowValue::Argument(0), 0);
    if (shape_.moved) point.point.moved = PlaceOf(state, FlowValue::Argument(*shape_.moved), 0);
    if (shared_.contains(Nodes()[node].part)) point.point.flags = TLSCOPE_POINT_SHARED;
    return point;
  }

  const DecodedFunction& function_;
  const CallShape& shape_;
  const PointChoice choice_;
  const CodePoint& way_in_;
  const std::vector<Finality> finality_;
  const std::set<std::uint64_t> shared_;
  std::set<NodeIndex> chosen_;
};

}  // namespace

std::optional<DecodedFunction> Decode(const CodeSource& source, std::uint64_t start,
                                      std::string& reason) {
  auto graph = DecodeFunction(source, start, reason);
  if (!graph) return std::nullopt;
  auto values = FollowValues(*graph);
  return DecodedFunction{std::move(*graph), std::move(values)};
}

std::optional<CodePoint> FindWayIn(const DecodedFunction& function, const CallShape& shape,
                                   PointChoice choice) {
  const FunctionGraph& graph = function.graph;
  const auto joined = [&](NodeIndex node) {
    return node != graph.entry && graph.nodes[node].previous.size() > 1;
  };
  const auto usable = [&](NodeIndex node) {
    const FlowState& state = *function.values[node];
    const auto depth = state.Depth();
    return depth && (choice == PointChoice::kAny || *depth == 0) && !joined(node) &&
           HasArguments(state, shape.arguments);
  };
  if (!usable(graph.entry)) return std::nullopt;
  NodeIndex start = graph.entry;
  // A probe on a landing pad takes it away, which matters where those are checked.
  const auto behind_pad = graph.StraightOn(start);
  if (graph.nodes[start].code.landing_pad && behind_pad && usable(*behind_pad)) start = *behind_pad;
  for (std::optional<NodeIndex> node = start; node && usable(*node);
       node = graph.StraightOn(*node)) {
    if (graph.nodes[*node].code.emulated) return PointAt(function, *node);
    if (graph.nodes[*node].code.flow == Flow::kCall) break;
  }
  // The kernel emulates calls without the shadow stack.
  if (graph.nodes[start].code.flow == Flow::kCall) return std::nullopt;
  return PointAt(function, start);
}

WaysOut FindWaysOut(const DecodedFunction& function, const CallShape& shape, PointChoice choice,
                    const CodePoint& way_in) {
  return WayOutSearch(function, shape, choice, way_in).Run();
}

}  // namespace tlscope
