// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/probe_plan.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>

#include "agent/code/call_sites.h"
#include "agent/code/elf_code.h"
#include "agent/code/inner_function.h"
#include "agent/code/ways.h"
#include "agent/elf/elf_file.h"
#include "agent/elf/elf_symbols.h"
#include "processor/base/unique_fd.h"

namespace tlscope {
namespace {

/// Both ends of a function's calls, or why they are not to be had.
struct Ends {
  std::optional<CodePoint> entry;
  WaysOut exits;
};

Ends Refused(std::string why) { return {std::nullopt, {{}, std::move(why)}}; }

/// Collects the probes of one library.
class Planner {
 public:
  Planner(const TlsFamily& family, AttachMode mode, PointSupport support, const ElfFile& elf)
      : family_(family),
        mode_(mode),
        choice_(support == PointSupport::kCookies ? PointChoice::kAny : PointChoice::kFrameless),
        elf_(elf),
        code_(elf),
        offsets_(FindFunctions(elf, family.FunctionNames(), family.EssentialNames())) {}

  ProbePlan Plan() {
    plan_.points = {AddData(family_.read), AddData(family_.write)};
    if (plan_.points == AttachPoints{}) return std::move(plan_);
    for (const FunctionProbes& probes : family_.functions) {
      if (!CarriesData(probes.function)) AddPublic(probes.function);
    }
    if (PassedBy(family_.read, plan_.points.read) || PassedBy(family_.write, plan_.points.write))
      plan_.refused.push_back(
          {family_.bypass, "it calls what is behind the public functions, which have the probes"});
    return std::move(plan_);
  }

 private:
  AttachPoint AddData(const DataFunctions& direction) {
    const std::string_view ex = ExOf(direction);
    if (mode_ == AttachMode::kAuto && !ex.empty() && AddInner(direction.plain, ex))
      return AttachPoint::kInner;
    const bool plain = AddPublic(direction.plain);
    const bool with_ex = AddPublic(ex);
    return plain || with_ex ? AttachPoint::kPublic : AttachPoint::kNone;
  }

  /// Whether data can move by an inner function past the public ones, which have the probes.
  bool PassedBy(const DataFunctions& direction, AttachPoint point) const {
    return point == AttachPoint::kPublic &&
           std::ranges::any_of(plan_.probes, [&](const PlannedProbe& probe) {
             return std::ranges::find(direction.ex, probe.function) != direction.ex.end();
           });
  }

  bool AddInner(std::string_view plain, std::string_view ex) {
    const FunctionProbes& probes = ProbesOf(ex);
    std::string reason;
    const auto plain_code = DecodeNamed(plain, reason);
    const auto ex_code = DecodeNamed(ex, reason);
    if (!plain_code || !ex_code) return false;
    const auto inner = FindInnerFunction(*plain_code, *ex_code, probes.shape);
    const auto inner_code = inner ? Decode(code_, *inner, reason) : std::nullopt;
    if (!inner_code) return false;
    const Wrapper wrappers[] = {{&*plain_code, probes.shape}, {&*ex_code, probes.shape}};
    Ends ends = EndsOfInner(*inner_code, probes, wrappers);
    return Add(plain, probes, ends);
  }

  Ends EndsOfInner(const DecodedFunction& function, const FunctionProbes& probes,
                   std::span<const Wrapper> wrappers) const {
    Ends ends = EndsOf(function, probes);
    const bool complete = ends.exits.refusal.empty();
    // Behind a call the caller's frame is still there.
    if (!ends.entry || choice_ == PointChoice::kFrameless) return ends;
    if (complete && CountStepped(ends.exits.points) == 0) return ends;
    WaysOut behind_calls =
        FindWaysOutBehindCalls(elf_, code_, function.graph.Entry(), probes.shape, wrappers);
    if (!behind_calls.refusal.empty()) return ends;
    if (!complete || CountStepped(behind_calls.points) < CountStepped(ends.exits.points))
      ends.exits = std::move(behind_calls);
    return ends;
  }

  Ends EndsOf(const DecodedFunction& function, const FunctionProbes& probes) const {
    const auto entry = FindWayIn(function, probes.shape, choice_);
    if (!entry) return Refused("it begins with a loop");
    Ends ends{entry, {}};
    if (!probes.at_exit.empty()) ends.exits = FindWaysOut(function, probes.shape, choice_, *entry);
    return ends;
  }

  bool AddPublic(std::string_view function) {
    if (!offsets_.contains(function)) return false;
    const FunctionProbes& probes = ProbesOf(function);
    std::string reason;
    const auto code = DecodeNamed(function, reason);
    Ends ends = code ? EndsOf(*code, probes) : Refused(std::move(reason));
    if (Add(function, probes, ends)) return true;
    plan_.refused.push_back({function, std::move(ends.exits.refusal)});
    return false;
  }

  /// All probes of a function, or none: then `ends` says why.
  bool Add(std::string_view function, const FunctionProbes& probes, Ends& ends) {
    std::string& refusal = ends.exits.refusal;
    if (!refusal.empty()) return false;
    std::vector<PlannedProbe> planned;
    const auto add = [&](std::string_view program, CallEnd end, const CodePoint& at) {
      const auto offset = elf_.CodeOffset(at.address);
      if (!offset) {
        refusal = "its code at " + HexText(at.address) + " is not in the file";
        return;
      }
      const PointPrice price = at.emulated ? PointPrice::kEmulated : PointPrice::kStepped;
      planned.push_back({function, *offset, program, end, price, at.point});
      planned.back().point.flags |= probes.flags;
    };
    add(probes.at_entry, CallEnd::kEntry, *ends.entry);
    for (const CodePoint& exit : ends.exits.points) add(probes.at_exit, CallEnd::kExit, exit);
    if (!refusal.empty()) return false;
    plan_.probes.insert(plan_.probes.end(), planned.begin(), planned.end());
    return true;
  }

  std::optional<DecodedFunction> DecodeNamed(std::string_view function, std::string& reason) const {
    const auto offset = offsets_.find(function);
    if (offset == offsets_.end()) return std::nullopt;
    const auto address = elf_.CodeAddress(offset->second);
    if (address) return Decode(code_, *address, reason);
    reason = "its address cannot be told";
    return std::nullopt;
  }

  std::string_view ExOf(const DataFunctions& direction) const {
    const auto found = std::ranges::find_if(
        direction.ex, [this](std::string_view name) { return offsets_.contains(name); });
    return found == direction.ex.end() ? std::string_view{} : *found;
  }

  bool CarriesData(std::string_view function) const {
    return std::ranges::any_of(
        std::initializer_list<const DataFunctions*>{&family_.read, &family_.write},
        [&](const DataFunctions* direction) {
          return function == direction->plain ||
                 std::ranges::find(direction->ex, function) != direction->ex.end();
        });
  }

  const FunctionProbes& ProbesOf(std::string_view function) const {
    return *std::ranges::find(family_.functions, function, &FunctionProbes::function);
  }

  const TlsFamily& family_;
  const AttachMode mode_;
  const PointChoice choice_;
  const ElfFile& elf_;
  const ElfCode code_;
  const FunctionOffsets offsets_;
  ProbePlan plan_;
};

}  // namespace

Result<ProbePlan> PlanProbes(const TlsFamily& family, AttachMode mode, PointSupport support,
                             const std::string& path, const std::string& name) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Fail(Errc::kSystem, errno, "read " + name);
  const auto elf = ElfFile::OfDescriptor(file.get());
  if (!elf) return Fail(Errc::kNotFound, 0, "read " + name, "it is not a 64-bit ELF file");
  ProbePlan plan = Planner(family, mode, support, *elf).Plan();
  if (!plan.probes.empty() || !plan.refused.empty()) return plan;
  return Fail(Errc::kNotFound, 0,
              "find " + std::string(family.read.plain) + " or " + std::string(family.write.plain) +
                  " in " + name,
              "it is not a library of the " + std::string(family.name) + " family");
}

}  // namespace tlscope
