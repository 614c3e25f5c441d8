// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/probe_plan.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "agent/elf/elf_symbols.h"
#include "agent/probes/attach_point.h"

namespace tlscope {
namespace {

/// Collects the probes of one library.
class Planner {
 public:
  Planner(const TlsFamily& family, AttachMode mode, const std::string& path,
          const FunctionOffsets& offsets)
      : family_(family), mode_(mode), path_(path), offsets_(offsets) {}

  ProbePlan Plan() {
    plan_.points = {AddData(family_.read), AddData(family_.write)};
    if (plan_.points == AttachPoints{}) return {};
    for (const FunctionProbes& probes : family_.functions) {
      if (!CarriesData(probes.function)) AddPublic(probes);
    }
    return std::move(plan_);
  }

 private:
  AttachPoint AddData(const DataFunctions& direction) {
    if (mode_ == AttachMode::kAuto && AddInner(direction)) return AttachPoint::kInner;
    const bool plain = AddPublic(ProbesOf(direction.plain));
    const bool ex = AddPublic(ProbesOf(direction.ex));
    return plain || ex ? AttachPoint::kPublic : AttachPoint::kNone;
  }

  bool AddInner(const DataFunctions& direction) {
    const auto plain = offsets_.find(direction.plain);
    const auto ex = offsets_.find(direction.ex);
    if (plain == offsets_.end() || ex == offsets_.end()) return false;
    const auto plain_code = ReadCode(path_, plain->second, kPrologueBytes);
    const auto ex_code = ReadCode(path_, ex->second, kPrologueBytes);
    const auto inner = FindInnerFunction({plain->second, plain_code}, {ex->second, ex_code});
    if (!inner) return false;
    const auto inner_code = ReadCode(path_, *inner, kPrologueBytes);
    const std::uint64_t entry = CheapEntry(inner_code);
    if (!IsEmulated(std::span(inner_code).subspan(entry))) return false;
    Add(direction.plain, *inner + entry, ProbesOf(direction.ex));
    return true;
  }

  bool AddPublic(const FunctionProbes& probes) {
    const auto found = offsets_.find(probes.function);
    if (found == offsets_.end()) return false;
    Add(probes.function, found->second, probes);
    return true;
  }

  void Add(std::string_view function, std::uint64_t offset, const FunctionProbes& probes) {
    plan_.probes.push_back({function, offset, probes.at_entry, false});
    if (!probes.at_return.empty())
      plan_.probes.push_back({function, offset, probes.at_return, true});
  }

  bool CarriesData(std::string_view function) const {
    const auto names = {family_.read.plain, family_.read.ex, family_.write.plain, family_.write.ex};
    return std::ranges::find(names, function) != names.end();
  }

  const FunctionProbes& ProbesOf(std::string_view function) const {
    return *std::ranges::find(family_.functions, function, &FunctionProbes::function);
  }

  const TlsFamily& family_;
  const AttachMode mode_;
  const std::string& path_;
  const FunctionOffsets& offsets_;
  ProbePlan plan_;
};

}  // namespace

Result<ProbePlan> PlanProbes(const TlsFamily& family, AttachMode mode, const std::string& path,
                             const std::string& name) {
  const auto functions = FindFunctions(path, family.FunctionNames(), family.EssentialNames());
  if (!functions)
    return Fail(functions.error().code, functions.error().error_number, "read " + name,
                functions.error().remedy);
  ProbePlan plan = Planner(family, mode, path, *functions).Plan();
  if (plan.probes.empty())
    return Fail(Errc::kNotFound, 0,
                "find " + std::string(family.read.plain) + " or " +
                    std::string(family.write.plain) + " in " + name,
                "it is not a library of the " + std::string(family.name) + " family");
  return plan;
}

}  // namespace tlscope
