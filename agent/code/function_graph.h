// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/code/code_source.h"
#include "agent/code/instruction.h"

namespace tlscope {

/// An instruction of a FunctionGraph, by its place in it.
using NodeIndex = std::uint32_t;

/// A function's instructions and what runs after what, found by following them from its start: into
/// the parts that the compiler moved elsewhere, and into functions that it ends by jumping to,
/// whose ways out are then its own. Calls return, but for one that is the last of its function.
struct FunctionGraph {
  struct Node {
    Instruction code;
    std::vector<NodeIndex> next;
    std::vector<NodeIndex> previous;
    std::uint64_t part = 0;  ///< where the function begins that the unwind information has it in
    bool untold = false;     ///< it leads to where cannot be told
  };

  std::vector<Node> nodes;  ///< in order of their addresses
  NodeIndex entry = 0;

  /// For people, why its ways out cannot be told: "it leaves by an indirect jump at 0x3766e, ...".
  /// Empty when they can.
  std::string fault;

  /// The address of the function.
  std::uint64_t Entry() const { return nodes[entry].code.address; }

  std::optional<NodeIndex> Find(std::uint64_t address) const;

  /// What follows in memory and runs after it; nullopt when nothing does, or not for certain.
  std::optional<NodeIndex> StraightOn(NodeIndex node) const;
};

/// The instructions of a function at most: far above what TLS functions have.
inline constexpr std::size_t kMaxInstructions = 4096;

/// Decodes the function at `start`. nullopt, and why in `reason`: it has none, or instructions that
/// overlap each other, so that nothing in it may be touched.
std::optional<FunctionGraph> DecodeFunction(const CodeSource& source, std::uint64_t start,
                                            std::string& reason);

/// "0x3766e"
std::string HexText(std::uint64_t number);

}  // namespace tlscope
