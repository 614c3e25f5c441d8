// SPDX-License-Identifier: Apache-2.0
#include "agent/code/code_point.h"

#include <algorithm>
#include <limits>

namespace tlscope {
namespace {

tlscope_place StackPlace(tlscope_place_kind kind, std::int64_t at) {
  if (at < std::numeric_limits<std::int16_t>::min() ||
      at > std::numeric_limits<std::int16_t>::max())
    return {};
  return {static_cast<std::uint8_t>(kind), 0, static_cast<std::int16_t>(at)};
}

}  // namespace

std::size_t CountStepped(const std::vector<CodePoint>& points) {
  return static_cast<std::size_t>(
      std::ranges::count_if(points, [](const CodePoint& point) { return !point.emulated; }));
}

tlscope_place PlaceOf(const FlowState& state, FlowValue value, std::int64_t origin) {
  if (!value.known()) return {};
  for (RegisterNumber number = 0; number < kRegisters; ++number) {
    if (number != kRsp && state.registers[number] == value)
      return {TLSCOPE_PLACE_REGISTER, number, 0};
  }
  if (value.kind == FlowValue::Kind::kStackAddress)
    return StackPlace(TLSCOPE_PLACE_STACK_ADDRESS, value.number - origin);
  const auto depth = state.Depth();
  for (const FlowState::Slot& slot : state.slots) {
    // Below the stack pointer a signal's handler may have its frame.
    if (slot.value == value && depth && slot.at >= *depth)
      return StackPlace(TLSCOPE_PLACE_STACK, slot.at - origin);
  }
  return {};
}

tlscope_place ResultPlace(RegisterNumber result) {
  if (result == kNoRegister) return {};
  return {TLSCOPE_PLACE_REGISTER, result, 0};
}

}  // namespace tlscope
