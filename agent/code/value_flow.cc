// SPDX-License-Identifier: Apache-2.0
#include "agent/code/value_flow.h"

#include <algorithm>
#include <iterator>

namespace tlscope {
namespace {

constexpr std::size_t kMaxSlots = 32;  // more are forgotten
constexpr std::int64_t kSlotBytes = 8;

// Frames are far smaller; beyond, sums could overflow.
constexpr std::int64_t kMaxDistance = std::int64_t{1} << 30;

FlowValue Moved(FlowValue address, std::int64_t by) {
  if (address.kind != FlowValue::Kind::kStackAddress || by > kMaxDistance || by < -kMaxDistance)
    return {};
  const std::int64_t at = address.number + by;
  if (at > kMaxDistance || at < -kMaxDistance) return {};
  return FlowValue::StackAddress(at);
}

/// Where a memory operand is on the stack.
std::optional<std::int64_t> StackPlace(const MemoryPlace& memory, const FlowState& state) {
  if (!memory.plain) return std::nullopt;
  const FlowValue place = Moved(state.registers[memory.base], memory.displacement);
  if (!place.known()) return std::nullopt;
  return place.number;
}

FlowValue LoadSlot(const FlowState& state, std::int64_t at) {
  const auto slot = std::ranges::lower_bound(state.slots, at, {}, &FlowState::Slot::at);
  return slot != state.slots.end() && slot->at == at ? slot->value : FlowValue{};
}

void ForgetSlots(FlowState& state, std::int64_t at, std::int64_t size) {
  std::erase_if(state.slots, [&](const FlowState::Slot& slot) {
    return slot.at < at + size && slot.at + kSlotBytes > at;
  });
}

void StoreSlot(FlowState& state, std::int64_t at, FlowValue value) {
  ForgetSlots(state, at, kSlotBytes);
  if (!value.known() || state.slots.size() >= kMaxSlots) return;
  const auto place = std::ranges::lower_bound(state.slots, at, {}, &FlowState::Slot::at);
  state.slots.insert(place, {at, value});
}

void Push(FlowState& state, FlowValue value) {
  FlowValue& rsp = state.registers[kRsp];
  rsp = Moved(rsp, -kSlotBytes);
  if (rsp.known()) StoreSlot(state, rsp.number, value);
}

FlowValue Pop(FlowState& state) {
  FlowValue& rsp = state.registers[kRsp];
  const FlowValue value = rsp.known() ? LoadSlot(state, rsp.number) : FlowValue{};
  rsp = Moved(rsp, kSlotBytes);
  return value;
}

void ForgetWritten(const Instruction& code, FlowState& state) {
  const FlowValue rsp = state.registers[kRsp];
  if (code.flow == Flow::kCall && rsp.known())  // what is called has its frame there
    std::erase_if(state.slots, [&](const FlowState::Slot& slot) { return slot.at < rsp.number; });
  if (code.writes_memory) {
    if (const auto at = StackPlace(code.memory, state)) ForgetSlots(state, *at, code.memory.size);
  }
  for (RegisterNumber number = 0; number < kRegisters; ++number) {
    if ((code.writes & SetOf(number)) != 0) state.registers[number] = {};
  }
}

/// Keeps what two states have in common; whether `known` changed.
bool Merge(FlowState& known, const FlowState& other) {
  bool changed = false;
  for (RegisterNumber number = 0; number < kRegisters; ++number) {
    FlowValue& value = known.registers[number];
    if (!value.known() || value == other.registers[number]) continue;
    value = {};
    changed = true;
  }
  const std::size_t differing = std::erase_if(known.slots, [&](const FlowState::Slot& slot) {
    return LoadSlot(other, slot.at) != slot.value;
  });
  return changed || differing > 0;
}

FlowState StateAtEntry() {
  FlowState state;
  state.registers[kRsp] = FlowValue::StackAddress(0);
  for (std::size_t i = 0; i < std::size(kArgumentRegisters); ++i)
    state.registers[kArgumentRegisters[i]] = FlowValue::Argument(static_cast<std::int64_t>(i));
  return state;
}

}  // namespace

std::optional<std::int64_t> FlowState::Depth() const {
  const FlowValue rsp = registers[kRsp];
  if (rsp.kind != FlowValue::Kind::kStackAddress) return std::nullopt;
  return rsp.number;
}

void Apply(const Instruction& code, FlowState& state) {
  FlowState before = state;
  switch (code.move) {
    case Move::kPush:
      return Push(state, code.from < kRegisters ? state.registers[code.from] : FlowValue{});
    case Move::kPop: {
      const FlowValue popped = Pop(state);
      state.registers[code.to] = popped;
      return;
    }
    case Move::kLeave:
      state.registers[kRsp] = state.registers[kRbp];
      state.registers[kRbp] = Pop(state);
      return;
    default:
      break;
  }
  ForgetWritten(code, state);
  const auto place = StackPlace(code.memory, before);
  switch (code.move) {
    case Move::kCopy:
      if (code.width == CopyWidth::kFull) state.registers[code.to] = before.registers[code.from];
      break;
    case Move::kLoad:
      if (place) state.registers[code.to] = LoadSlot(before, *place);
      break;
    case Move::kStore:
      if (place) StoreSlot(state, *place, before.registers[code.from]);
      break;
    case Move::kAddress:
      if (place) state.registers[code.to] = FlowValue::StackAddress(*place);
      break;
    case Move::kAdd:
      state.registers[code.to] = Moved(before.registers[code.to], code.amount);
      break;
    default:
      break;
  }
}

bool WritesOwnStackAtMost(const Instruction& code, const FlowState& state) {
  if (code.flow == Flow::kCall) return false;
  if (!code.writes_memory) return true;
  const RegisterNumber base = code.memory.base;
  if (base == kRsp) return true;
  return base < kRegisters && state.registers[base].kind == FlowValue::Kind::kStackAddress;
}

std::vector<std::optional<FlowState>> FollowValues(const FunctionGraph& graph) {
  std::vector<std::optional<FlowState>> states(graph.nodes.size());
  states[graph.entry] = StateAtEntry();
  std::vector<NodeIndex> waiting{graph.entry};
  while (!waiting.empty()) {
    const NodeIndex node = waiting.back();
    waiting.pop_back();
    FlowState after = *states[node];
    Apply(graph.nodes[node].code, after);
    for (const NodeIndex next : graph.nodes[node].next) {
      if (states[next] && !Merge(*states[next], after)) continue;
      if (!states[next]) states[next] = after;
      waiting.push_back(next);
    }
  }
  return states;
}

}  // namespace tlscope
