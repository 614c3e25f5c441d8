// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/probes/bpf_handles.h"
#include "agent/probes/probe_plan.h"
#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

struct bpf_program;

namespace tlscope {

/// The probes in one file, in every process that maps it; none is a return probe. Attached
/// together, or not at all; detached with this object.
class UprobeSet {
 public:
  /// An instruction, and the program that runs there.
  struct Probe {
    std::string_view function;  ///< whose calls it sees
    std::uint64_t offset;       ///< in the file
    const bpf_program* program;
    CallEnd end;
    std::uint32_t cookie = 0;  ///< what the program is told; 0 where the kernel cannot tell it
  };

  /// What bpf_program__set_expected_attach_type has to be told before a program is loaded, for the
  /// kernel to take it in a link of its own (BPF_TRACE_UPROBE_MULTI, 6.6; libbpf 1.1 has no name
  /// for it). Older kernels pay no heed.
  static constexpr std::uint32_t kAttachType = 48;

  /// Attaches to the file at `path`, called `name` in errors. The ways in come before the ways
  /// out: an end of a call whose beginning was not seen counts as a loss.
  static Result<UprobeSet> Attach(const std::string& path, const std::string& name,
                                  std::span<const Probe> probes);

  UprobeSet(UprobeSet&&) = default;
  UprobeSet& operator=(UprobeSet&&) = delete;

  /// No program runs any longer once it returns. The kernel waits until none can (tens of
  /// milliseconds a probe, and longer before 6.6), which it does for all probes at once as far as
  /// it can.
  ~UprobeSet();

 private:
  /// A link of BPF's own, or one of perf, on kernels that have no other.
  using Link = std::variant<UniqueFd, LinkPtr>;

  UprobeSet() = default;
  static Result<Link> AttachOne(const std::string& path, const std::string& name,
                                const Probe& probe);
  static void DetachTogether(std::vector<Link>& links);

  std::vector<Link> entries_;
  std::vector<Link> exits_;
};

}  // namespace tlscope
