// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/code/function_graph.h"

namespace tlscope {

/// What is known of a value inside a function.
struct FlowValue {
  enum class Kind : std::uint8_t { kUnknown, kArgument, kStackAddress };
  Kind kind = Kind::kUnknown;
  /// Of an argument its place in their order, from 0; of an address on the stack its distance from
  /// the stack pointer at the function's start, where the return address lies.
  std::int64_t number = 0;

  static FlowValue Argument(std::int64_t number) { return {Kind::kArgument, number}; }
  static FlowValue StackAddress(std::int64_t at) { return {Kind::kStackAddress, at}; }
  bool known() const { return kind != Kind::kUnknown; }
  bool operator==(const FlowValue&) const = default;
};

/// What registers and stack hold while an instruction is about to run, whichever way it was
/// reached.
struct FlowState {
  struct Slot {
    std::int64_t at;
    FlowValue value;
    bool operator==(const Slot&) const = default;
  };
  std::array<FlowValue, kRegisters> registers;
  std::vector<Slot> slots;  ///< eight bytes each, in order of their places, none unknown

  /// The stack pointer's distance from where it was at the start; nullopt when not known.
  std::optional<std::int64_t> Depth() const;

  bool operator==(const FlowState&) const = default;
};

/// The state before each node of a graph; nullopt for one that nothing reaches. At the start the
/// argument registers hold the arguments. Called functions keep to the calling convention.
std::vector<std::optional<FlowState>> FollowValues(const FunctionGraph& graph);

/// Runs one instruction.
void Apply(const Instruction& code, FlowState& state);

/// Whether what an instruction writes lies on the function's own stack for certain, or it writes
/// nothing.
bool WritesOwnStackAtMost(const Instruction& code, const FlowState& state);

}  // namespace tlscope
