// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/probes/attach_strategy.h"
#include "agent/probes/bpf_handles.h"
#include "agent/probes/kernel_counters.h"
#include "agent/probes/kernel_filters.h"
#include "agent/probes/point_table.h"
#include "agent/probes/probe_plan.h"
#include "agent/probes/prober.h"
#include "agent/probes/uprobe_set.h"
#include "bpf/tlscope_abi.h"
#include "processor/base/result.h"

struct bpf_program;
struct tlscope_bpf;

namespace tlscope {

void DestroySkeleton(tlscope_bpf* skeleton);
using SkeletonPtr = std::unique_ptr<tlscope_bpf, Deleter<DestroySkeleton>>;

/// How the programs are set up before they are loaded.
struct ProbeOptions {
  KernelFilters filters;
  std::uint64_t max_payload_bytes = 1U << 20;
  std::uint64_t ring_bytes = 32U << 20;  ///< a power of two, at least the page size
  std::string btf_path;
  AttachMode attach_mode = AttachMode::kAuto;
  AttachStrategy strategy = AttachStrategy::kAuto;
};

/// The BPF programs in the kernel, and what they are attached to. Everything in the kernel goes
/// with this object, and with the process however it ends. Not thread-safe, except as noted.
class ProbeSession final : public Prober {
 public:
  /// Captured of one call where `captures_any_size` does not hold.
  static constexpr std::uint64_t kMaxCallBytesWithoutLoop =
      std::uint64_t{TLSCOPE_CHUNKS_UNROLLED} * TLSCOPE_CHUNK_MAX;

  /// Loads the programs and attaches those that follow sockets and processes, by the strategy asked
  /// for or the first that the kernel takes. kPrivilege or kUnsupported when it refuses.
  static Result<std::unique_ptr<ProbeSession>> Open(const ProbeOptions& options);

  Result<LibraryAttachment> AttachLibrary(const std::string& path,
                                          const std::string& name) override;
  Result<LibraryAttachment> AttachLibrary(const std::string& path) {
    return AttachLibrary(path, path);
  }

  void NoteUnderWay(std::uint32_t pid) override;
  void DetachLibrary(LibraryId library) override;

  /// Detaches everything: no further record is written once it returns.
  void Detach();

  /// The ring buffer's descriptor, for a RingReader.
  int ring_fd() const;

  /// Where the reader says from how many waiting bytes on it wants to be woken. Shared memory with
  /// the kernel, valid as long as this object; any thread.
  volatile std::uint64_t* wake_mark() const;

  /// While set, what SSL calls move is counted (TLSCOPE_COUNT_PAUSED) and not copied; sockets,
  /// handshakes and how far each stream has come are followed as ever. Any thread.
  void SetPaused(bool paused);

  /// Any thread. Once detached, with the writes that were still under way then among the
  /// unfinished.
  Result<KernelCounters> ReadCounters() const;

  /// Exact once detached. Walks the tables.
  Evictions CountEvictions(const KernelCounters& counters) const;

  /// Whether --max-payload is the only limit to what is captured of one call.
  bool captures_any_size() const { return has_loop_; }

  /// What the kernel can tell the programs of the instruction that they run at.
  PointSupport point_support() const {
    return points_ ? PointSupport::kCookies : PointSupport::kNone;
  }

  /// How sockets are found besides by SSL_set_fd; nullptr when the kernel takes none of the ways.
  const StrategyInfo* strategy() const { return strategy_; }

  /// Features the kernel lacks, each in a line that says what is worse without it.
  const std::vector<std::string>& shortcomings() const { return shortcomings_; }

 private:
  explicit ProbeSession(SkeletonPtr skeleton) : skeleton_(std::move(skeleton)) {}
  static Result<std::unique_ptr<ProbeSession>> OpenWith(const ProbeOptions& options,
                                                        const StrategyInfo* strategy);
  static Result<std::unique_ptr<ProbeSession>> Load(const ProbeOptions& options,
                                                    const StrategyInfo* strategy, bool has_loop);
  Result<void> AttachSystemPrograms(const StrategyInfo* strategy);
  Result<std::vector<PointTable::Row>> Describe(const ProbePlan& plan);
  void Forget(const std::vector<PointTable::Row>& rows);
  const bpf_program* ProgramNamed(std::string_view name) const;

  // Links go before the programs they hold.
  SkeletonPtr skeleton_;
  std::vector<LinkPtr> links_;
  struct AttachedLibrary {
    UprobeSet probes;
    std::vector<PointTable::Row> rows;  ///< of the probes
  };
  std::map<LibraryId, AttachedLibrary> libraries_;
  LibraryId last_library_ = 0;
  /// Writes under way when all was detached.
  std::atomic<std::uint64_t> left_writes_ = 0;
  std::atomic<std::uint64_t> left_bytes_ = 0;
  bool has_loop_ = true;
  AttachMode attach_mode_ = AttachMode::kAuto;
  std::optional<PointTable> points_;  ///< none where the kernel tells no program where it runs
  const StrategyInfo* strategy_ = nullptr;
  std::vector<std::string> shortcomings_;
};

}  // namespace tlscope
