// SPDX-License-Identifier: Apache-2.0
#include "agent/code/function_graph.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "agent/code/jump_table.h"

namespace tlscope {
namespace {

// Of those that run up to an indirect jump, how many are looked at.
constexpr std::size_t kMaxBeforeJump = 16;

// What a crafted file may make a walk take: jumps whose tables are looked for, how often, and the
// entries read of all tables together. Functions of real libraries have a few of each.
constexpr std::size_t kMaxIndirectJumps = 64;
constexpr int kMaxRounds = 16;
constexpr std::size_t kMaxTableEntries = 16384;

/// Follows a function from its start.
class Walk {
 public:
  Walk(const CodeSource& source, CodeRange function) : source_(source), own_(function) {}

  void Run() {
    waiting_.push_back(own_.begin);
    for (int round = 0; !waiting_.empty() && round < kMaxRounds; ++round) {
      FollowWaiting();
      // When what leads to those jumps is known.
      if (untold_.size() <= kMaxIndirectJumps) ReadJumpTables();
    }
    if (!waiting_.empty()) Fault("its jump tables lead to one another too often");
    for (const std::uint64_t jump : untold_)
      Fault("it leaves by an indirect jump at " + HexText(jump) + ", whose target cannot be told");
  }

  /// Empty when instructions overlap.
  std::optional<FunctionGraph> Take() {
    FunctionGraph graph;
    graph.fault = std::move(fault_);
    std::map<std::uint64_t, NodeIndex> places;
    for (const auto& [address, visited] : found_) {
      if (!graph.nodes.empty() && graph.nodes.back().code.end() > address) return std::nullopt;
      places.emplace(address, static_cast<NodeIndex>(graph.nodes.size()));
      FunctionGraph::Node node;
      node.code = visited.code;
      node.part = visited.part;
      node.untold = visited.untold;
      graph.nodes.push_back(std::move(node));
    }
    for (const auto& [address, visited] : found_) Connect(graph, places, address, visited);
    const auto entry = places.find(own_.begin);
    if (entry == places.end()) return std::nullopt;
    graph.entry = entry->second;
    return graph;
  }

 private:
  struct Visited {
    Instruction code;
    std::vector<std::uint64_t> next;
    std::uint64_t part = 0;
    bool untold = false;
  };

  void Fault(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }

  void FollowWaiting() {
    while (!waiting_.empty()) {
      const std::uint64_t address = waiting_.back();
      waiting_.pop_back();
      if (found_.contains(address)) continue;
      if (found_.size() < kMaxInstructions) {
        Visit(address);
        continue;
      }
      waiting_.clear();
      Fault("it is too large to be followed");
    }
  }

  void Visit(std::uint64_t address) {
    if (!function_ || !function_->Holds(address)) function_ = source_.FunctionAt(address);
    if (!function_) return Fault("it goes on at " + HexText(address) + ", where no function is");
    std::uint8_t bytes[kMaxInstructionBytes];
    const std::size_t size = source_.ReadCode(address, bytes);
    const auto code = DecodeInstruction(address, std::span(bytes).first(size));
    if (!code || code->end() > function_->end)
      return Fault("what it has at " + HexText(address) + " is no instruction known here");
    Visited visited{*code, {}, function_->begin, false};
    Follow(visited);
    waiting_.insert(waiting_.end(), visited.next.begin(), visited.next.end());
    found_.emplace(address, std::move(visited));
  }

  void Follow(Visited& visited) {
    const Instruction& code = visited.code;
    switch (code.flow) {
      case Flow::kOn:
      case Flow::kBranch:
        if (code.flow == Flow::kBranch) visited.next.push_back(code.target);
        FollowOn(visited);
        break;
      case Flow::kCall:
        // A compiler lets nothing follow a call of what does not return, such as __stack_chk_fail.
        if (code.end() < function_->end) visited.next.push_back(code.end());
        break;
      case Flow::kJump:
        visited.next.push_back(code.target);
        break;
      case Flow::kUntold:
        visited.untold = true;
        untold_.push_back(code.address);
        break;
      case Flow::kReturn:
      case Flow::kStop:
        break;
    }
  }

  void FollowOn(Visited& visited) {
    if (visited.code.end() < function_->end) return visited.next.push_back(visited.code.end());
    visited.untold = true;
    Fault("it runs over its end at " + HexText(visited.code.end()));
  }

  void ReadJumpTables() {
    std::erase_if(untold_, [this](std::uint64_t jump) {
      Visited& visited = found_.at(jump);
      visited.next = ReadJumpTable(source_, RunUpTo(jump), entries_left_);
      const bool possible = std::ranges::all_of(
          visited.next, [&](std::uint64_t target) { return MayLeadTo(visited.part, target); });
      if (!possible) visited.next.clear();
      visited.untold = visited.next.empty();
      waiting_.insert(waiting_.end(), visited.next.begin(), visited.next.end());
      return !visited.untold;
    });
  }

  /// Whether a jump table in the part that begins at `part` may lead to `target`: a place in the
  /// same part, in one that the function is known to have, or where a part begins. Compilers move
  /// cases that hardly ever run to a part of their own, which other jumps may enter in its middle.
  bool MayLeadTo(std::uint64_t part, std::uint64_t target) const {
    const auto holder = source_.FunctionAt(target);
    if (!holder) return false;
    if (holder->begin == part || holder->begin == target) return true;
    const auto inside = found_.lower_bound(holder->begin);
    return inside != found_.end() && holder->Holds(inside->first);
  }

  /// What runs in a straight line up to and with a jump; nothing else leads among them.
  std::vector<std::uint64_t> RunUpTo(std::uint64_t jump) const {
    std::vector<std::uint64_t> run{jump};
    for (auto here = found_.find(jump); run.size() < kMaxBeforeJump;) {
      if (here == found_.begin() || IsJumpedTo(here->first)) break;
      --here;
      const Instruction& code = here->second.code;
      if (code.end() != run.back() || (code.flow != Flow::kOn && code.flow != Flow::kBranch)) break;
      run.push_back(here->first);
    }
    std::ranges::reverse(run);
    return run;
  }

  bool IsJumpedTo(std::uint64_t address) const {
    return std::ranges::any_of(found_, [address](const auto& known) {
      const Visited& visited = known.second;
      return visited.code.end() != address &&
             std::ranges::find(visited.next, address) != visited.next.end();
    });
  }

  static void Connect(FunctionGraph& graph, const std::map<std::uint64_t, NodeIndex>& places,
                      std::uint64_t address, const Visited& visited) {
    const NodeIndex from = places.at(address);
    for (const std::uint64_t next : visited.next) {
      const auto to = places.find(next);
      if (to == places.end()) {
        graph.nodes[from].untold = true;  // the walk ended in a fault
        continue;
      }
      auto& known = graph.nodes[from].next;
      if (std::ranges::find(known, to->second) != known.end()) continue;
      known.push_back(to->second);
      graph.nodes[to->second].previous.push_back(from);
    }
  }

  const CodeSource& source_;
  const CodeRange own_;
  std::optional<CodeRange> function_;  // that of the instruction visited last
  std::vector<std::uint64_t> waiting_;
  std::map<std::uint64_t, Visited> found_;
  std::vector<std::uint64_t> untold_;  // indirect jumps
  std::size_t entries_left_ = kMaxTableEntries;
  std::string fault_;
};

}  // namespace

std::optional<NodeIndex> FunctionGraph::Find(std::uint64_t address) const {
  const auto node = std::ranges::lower_bound(
      nodes, address, {}, [](const Node& candidate) { return candidate.code.address; });
  if (node == nodes.end() || node->code.address != address) return std::nullopt;
  return static_cast<NodeIndex>(node - nodes.begin());
}

std::optional<NodeIndex> FunctionGraph::StraightOn(NodeIndex node) const {
  const Node& from = nodes[node];
  if (from.next.size() != 1 || (from.code.flow != Flow::kOn && from.code.flow != Flow::kCall))
    return std::nullopt;
  const NodeIndex to = from.next.front();
  if (nodes[to].code.address != from.code.end()) return std::nullopt;
  return to;
}

std::optional<FunctionGraph> DecodeFunction(const CodeSource& source, std::uint64_t start,
                                            std::string& reason) {
  const auto function = source.FunctionAt(start);
  if (!function || function->begin != start) {
    reason = function ? "it begins inside the function at " + HexText(function->begin)
                      : "its end is not known: the file has no unwind information for it";
    return std::nullopt;
  }
  Walk walk(source, *function);
  walk.Run();
  auto graph = walk.Take();
  if (!graph) reason = "its instructions overlap, or it has none";
  return graph;
}

std::string HexText(std::uint64_t number) {
  char text[2 + 16] = {'0', 'x'};
  const auto end = std::to_chars(text + 2, std::end(text), number, 16);
  return {text, end.ptr};
}

}  // namespace tlscope
