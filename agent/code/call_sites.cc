// SPDX-License-Identifier: Apache-2.0
#include "agent/code/call_sites.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>

#include "agent/code/references.h"

namespace tlscope {
namespace {

constexpr std::int64_t kReturnAddressBytes = 8;

/// What a called function left behind, followed from the return on.
class BehindCall {
 public:
  BehindCall(const DecodedFunction& caller, NodeIndex call, const CallShape& shape)
      : caller_(caller), call_(call), shape_(shape) {
    // Distances are from the stack pointer at the start of what was called.
    since_.registers[kRsp] = FlowValue::StackAddress(kReturnAddressBytes);
  }

  std::optional<CodePoint> Find() {
    std::optional<CodePoint> stepped;
    for (auto node = Next(call_); node; node = Next(*node)) {
      const Instruction& code = caller_.graph.nodes[*node].code;
      if (!since_.Depth()) break;
      if (code.emulated) return Describe(*node);
      if (!stepped && code.plain) stepped = Describe(*node);
      if (!Follow(*node)) break;
    }
    return stepped;
  }

 private:
  /// What runs next, if nothing else leads there.
  std::optional<NodeIndex> Next(NodeIndex node) const {
    const auto next = caller_.graph.StraightOn(node);
    if (!next || caller_.graph.nodes[*next].previous.size() != 1) return std::nullopt;
    return next;
  }

  /// Whether the result is still somewhere behind an instruction, and memory as it was left.
  bool Follow(NodeIndex node) {
    const Instruction& code = caller_.graph.nodes[node].code;
    if (!WritesOwnStackAtMost(code, *caller_.values[node])) return false;
    const bool copies = code.move == Move::kCopy && (results_ & SetOf(code.from)) != 0 &&
                        (code.width == CopyWidth::kFull || shape_.result == ResultKind::kInt32);
    results_ = static_cast<RegisterSet>(results_ & ~code.writes);
    if (copies) results_ = static_cast<RegisterSet>(results_ | SetOf(code.to));
    Apply(code, since_);
    return results_ != 0;
  }

  CodePoint Describe(NodeIndex node) const {
    const Instruction& code = caller_.graph.nodes[node].code;
    CodePoint point{code.address, code.emulated, {}};
    point.point.frame = static_cast<std::int32_t>(-since_.Depth().value_or(0));
    if (shape_.result != ResultKind::kNothing)
      point.point.result = ResultPlace(static_cast<RegisterNumber>(std::countr_zero(results_)));
    point.point.object = PlaceOfArgument(node, 0);
    if (shape_.moved) point.point.moved = PlaceOfArgument(node, *shape_.moved);
    return point;
  }

  /// Where the caller still has what it passed.
  tlscope_place PlaceOfArgument(NodeIndex node, unsigned argument) const {
    const FlowState& at_call = *caller_.values[call_];
    const auto depth = at_call.Depth();
    if (!depth) return {};
    return PlaceOf(*caller_.values[node], at_call.registers[kArgumentRegisters[argument]],
                   *depth - kReturnAddressBytes);
  }

  const DecodedFunction& caller_;
  const NodeIndex call_;
  const CallShape& shape_;
  FlowState since_;
  RegisterSet results_ = SetOf(kRax);
};

/// The ways out of a wrapper, as those of what it calls at `call`.
WaysOut WaysOutOfWrapper(const Wrapper& wrapper, NodeIndex call) {
  const DecodedFunction& function = *wrapper.function;
  const FlowState& at_call = *function.values[call];
  const auto depth = at_call.Depth();
  if (!depth || !wrapper.shape.moved) return {{}, "its frame is not known"};
  WaysOut ways = FindWaysOut(function, wrapper.shape, PointChoice::kAny, {});
  const std::int64_t start = *depth - kReturnAddressBytes;
  for (CodePoint& way : ways.points) {
    const FlowState& state = *function.values[*function.graph.Find(way.address)];
    const auto place = [&](unsigned argument) {
      return PlaceOf(state, at_call.registers[kArgumentRegisters[argument]], start);
    };
    way.point.frame += static_cast<std::int32_t>(start);
    way.point.object = place(0);
    way.point.moved = place(*wrapper.shape.moved);
    way.point.flags = TLSCOPE_POINT_SHARED;  // with calls that are not passed on
  }
  return ways;
}

WaysOut Refused(std::string why) { return {{}, std::move(why)}; }

/// Finds the ends of the calls of one function.
class CallEnds {
 public:
  CallEnds(const CodeSource& source, std::uint64_t target, const CallShape& shape,
           std::span<const Wrapper> wrappers)
      : source_(source), target_(target), shape_(shape), wrappers_(wrappers) {}

  WaysOut Run(const References& references) {
    if (!references.elsewhere.empty()) return Refused(references.elsewhere);
    for (const std::uint64_t address : references.others) {
      if (RefersToIt(address)) return Refused("it is referred to at " + HexText(address));
    }
    for (const std::uint64_t address : references.calls) {
      if (!AddEndsOf(address))
        return Refused("what calls it at " + HexText(address) + " cannot be followed");
    }
    if (ways_.points.empty()) return Refused("nothing calls it");
    return std::move(ways_);
  }

 private:
  /// Whether what is at an address belongs to an instruction. If it does not, it is padding, or
  /// part of something larger.
  bool RefersToIt(std::uint64_t address) const {
    const auto function = source_.FunctionAt(address);
    if (!function) return false;
    std::string reason;
    const auto graph = DecodeFunction(source_, function->begin, reason);
    if (!graph) return true;
    for (const FunctionGraph::Node& node : graph->nodes) {
      if (address < node.code.address || address >= node.code.end()) continue;
      const bool jump = node.code.flow == Flow::kJump || node.code.flow == Flow::kBranch;
      return !jump || (node.code.target == target_ && function->begin != target_);
    }
    return !graph->fault.empty();  // not all of it has been seen
  }

  /// False when the end of a call at an address cannot be told.
  bool AddEndsOf(std::uint64_t address) {
    const auto function = source_.FunctionAt(address);
    if (!function) return true;  // padding
    std::string reason;
    const auto caller = Decode(source_, function->begin, reason);
    if (!caller) return false;
    const auto call = caller->graph.Find(address);
    if (!call || caller->graph.nodes[*call].code.target != target_)
      return caller->graph.fault.empty();  // part of another instruction, if all have been seen
    auto ends = EndsOf(*caller, *call);
    ways_.points.insert(ways_.points.end(), ends.begin(), ends.end());
    return !ends.empty();
  }

  std::vector<CodePoint> EndsOf(const DecodedFunction& caller, NodeIndex call) const {
    std::vector<CodePoint> ends;
    if (const auto behind = BehindCall(caller, call, shape_).Find()) ends.push_back(*behind);
    if (!ends.empty() && ends.front().emulated) return ends;
    for (const Wrapper& wrapper : wrappers_) {
      if (wrapper.function->graph.Entry() != caller.graph.Entry()) continue;
      const WaysOut own = WaysOutOfWrapper(wrapper, call);
      if (own.refusal.empty() && (ends.empty() || CountStepped(own.points) == 0)) return own.points;
    }
    return ends;
  }

  const CodeSource& source_;
  const std::uint64_t target_;
  const CallShape& shape_;
  const std::span<const Wrapper> wrappers_;
  WaysOut ways_;
};

}  // namespace

WaysOut FindWaysOutBehindCalls(const ElfFile& elf, const CodeSource& source, std::uint64_t target,
                               const CallShape& shape, std::span<const Wrapper> wrappers) {
  return CallEnds(source, target, shape, wrappers).Run(FindReferences(elf, target));
}

}  // namespace tlscope
