// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/probe_session.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>
#include <tlscope.skel.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

#include "agent/probes/tls_family.h"
#include "agent/procfs/waiting_threads.h"

namespace tlscope {
namespace {

int LogLibbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (!spdlog::should_log(spdlog::level::debug) || level == LIBBPF_DEBUG) return 0;
  char line[1024];
  const int length = std::vsnprintf(line, sizeof line, format, arguments);
  if (length > 0) spdlog::debug("libbpf: {}", line);
  return length;
}

Errc CodeFor(int error) {
  return error == EPERM || error == EACCES ? Errc::kPrivilege : Errc::kUnsupported;
}

// Each chunk that a kernel without bpf_loop may be asked for costs the verifier's time.
std::uint32_t ChunksUnrolled(std::uint64_t max_payload) {
  const std::uint64_t wanted = max_payload / TLSCOPE_CHUNK_MAX;
  if (max_payload == 0 || wanted > TLSCOPE_CHUNKS_UNROLLED) return TLSCOPE_CHUNKS_UNROLLED;
  return static_cast<std::uint32_t>(wanted);
}

Result<SkeletonPtr> OpenSkeleton(const ProbeOptions& options) {
  bpf_object_open_opts open_options{};
  open_options.sz = sizeof open_options;
  if (!options.btf_path.empty()) open_options.btf_custom_path = options.btf_path.c_str();
  SkeletonPtr skeleton(tlscope_bpf__open_opts(&open_options));
  if (!skeleton) return Fail(Errc::kUnsupported, errno, "open the BPF programs");
  skeleton->rodata->max_payload = options.max_payload_bytes;
  skeleton->rodata->max_chunks_unrolled = ChunksUnrolled(options.max_payload_bytes);
  EnableFilters(*skeleton, options.filters);
  bpf_map__set_max_entries(skeleton->maps.events, static_cast<std::uint32_t>(options.ring_bytes));
  return skeleton;
}

// What is at the exit of calls that move data: it asks for the chunks of a call in a loop, or,
// where the kernel has no bpf_loop, one after the other.
constexpr std::string_view kIoExit = "ssl_io_exit";
constexpr std::string_view kIoExitOld = "ssl_io_exit_old";

/// Those that AttachLibrary attaches.
std::vector<bpf_program*> UprobePrograms(const bpf_object* object) {
  std::vector<bpf_program*> programs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string_view section = bpf_program__section_name(program);
    if (section == "uprobe") programs.push_back(program);
  }
  return programs;
}

/// Whether the running kernel has a helper, by its name in enum bpf_func_id (linux/bpf.h). Its
/// types are asked, as the programs do when they are loaded.
bool KernelHasHelper(const char* name, const std::string& btf_path) {
  using BtfPtr = std::unique_ptr<btf, Deleter<btf__free>>;
  const BtfPtr types(btf_path.empty() ? btf__load_vmlinux_btf()
                                      : btf__parse(btf_path.c_str(), nullptr));
  if (!types) return false;
  const int helpers = btf__find_by_name_kind(types.get(), "bpf_func_id", BTF_KIND_ENUM);
  if (helpers < 0) return false;
  const btf_type* const type = btf__type_by_id(types.get(), static_cast<std::uint32_t>(helpers));
  const std::span names(btf_enum(type), btf_vlen(type));
  return std::ranges::any_of(names, [&](const struct btf_enum& helper) {
    return std::string_view(btf__name_by_offset(types.get(), helper.name_off)) == name;
  });
}

}  // namespace

void DestroySkeleton(tlscope_bpf* skeleton) { tlscope_bpf__destroy(skeleton); }

Result<std::unique_ptr<ProbeSession>> ProbeSession::Open(const ProbeOptions& options) {
  libbpf_set_print(LogLibbpf);
  std::unique_ptr<ProbeSession> session;
  const auto open = [&](const StrategyInfo* candidate) -> Result<void> {
    TLSCOPE_TRY(session, OpenWith(options, candidate));
    return {};
  };
  TLSCOPE_TRY(const auto* const strategy, ChooseStrategy(options.strategy, open));
  if (strategy == nullptr)
    session->shortcomings_.emplace_back(
        "this kernel shows no socket calls: only connections set up with SSL_set_fd are shown with "
        "their addresses");
  else if (options.strategy == AttachStrategy::kAuto &&
           strategy->strategy == AttachStrategy::kSyscall)
    session->shortcomings_.emplace_back(
        "this kernel shows sockets at the end of system calls only: every system call on this "
        "host takes a little longer");
  return session;
}

// Whether the kernel takes a program is only known by loading and attaching it: what the feature
// probes of libbpf say is wrong on some kernels.
Result<std::unique_ptr<ProbeSession>> ProbeSession::OpenWith(const ProbeOptions& options,
                                                             const StrategyInfo* strategy) {
  auto session = Load(options, strategy, true);
  if (!session && session.error().code != Errc::kUsage) session = Load(options, strategy, false);
  if (session) (*session)->strategy_ = strategy;
  if (session) spdlog::debug("sockets are found by {}", strategy ? strategy->name : "SSL_set_fd");
  return session;
}

Result<std::unique_ptr<ProbeSession>> ProbeSession::Load(const ProbeOptions& options,
                                                         const StrategyInfo* strategy,
                                                         bool has_loop) {
  TLSCOPE_TRY(SkeletonPtr skeleton, OpenSkeleton(options));
  bpf_program__set_autoload(skeleton->progs.ssl_io_exit, has_loop);
  bpf_program__set_autoload(skeleton->progs.ssl_io_exit_old, !has_loop);
  for (bpf_program* const program : UprobePrograms(skeleton->obj))
    bpf_program__set_expected_attach_type(program,
                                          static_cast<bpf_attach_type>(UprobeSet::kAttachType));
  for (const StrategyInfo& other : AllStrategies()) {
    for (const char* const name : other.programs)
      bpf_program__set_autoload(bpf_object__find_program_by_name(skeleton->obj, name),
                                strategy && other.strategy == strategy->strategy);
  }
  if (const int error = -tlscope_bpf__load(skeleton.get()); error != 0)
    return Fail(
        CodeFor(error), error, "load the BPF programs",
        "run it as root on a kernel of 5.8 or newer; --verbose shows the kernel's messages");

  std::unique_ptr<ProbeSession> session(new ProbeSession(std::move(skeleton)));
  session->has_loop_ = has_loop;
  session->attach_mode_ = options.attach_mode;
  if (!has_loop &&
      (options.max_payload_bytes == 0 || options.max_payload_bytes > kMaxCallBytesWithoutLoop))
    session->shortcomings_.emplace_back(
        "this kernel has no bpf_loop (5.17 or newer): of one SSL call 1 MiB is captured, the rest "
        "is counted as over --max-payload");
  TLSCOPE_TRY(PointTable points, PointTable::Make(session->skeleton_->maps.points));
  if (KernelHasHelper("BPF_FUNC_get_attach_cookie", options.btf_path))
    session->points_ = std::move(points);
  else
    session->shortcomings_.emplace_back(
        "this kernel tells no program which probe it runs for (5.15 or newer): calls are seen to "
        "end at `ret`, which costs more, and not in functions that leave by a jump");
  TLSCOPE_TRY(StoreFilters(*session->skeleton_, options.filters));
  TLSCOPE_TRY(session->AttachSystemPrograms(strategy));
  TLSCOPE_TRY(StoreDescendants(*session->skeleton_, options.filters));
  return session;
}

Result<void> ProbeSession::AttachSystemPrograms(const StrategyInfo* strategy) {
  const auto of_strategy = [&](const bpf_program* program) {
    const std::string_view name = bpf_program__name(program);
    return strategy && std::ranges::find(strategy->programs, name) != strategy->programs.end();
  };
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    if (!bpf_program__autoload(program)) continue;
    if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING && !of_strategy(program)) continue;
    LinkPtr link(bpf_program__attach(program));
    if (!link) {
      const int error = errno;
      return Fail(CodeFor(error), error,
                  std::string("attach ") + bpf_program__section_name(program),
                  "the kernel must allow BPF tracing programs (not in lockdown=confidentiality)");
    }
    links_.push_back(std::move(link));
  }
  return {};
}

Result<LibraryAttachment> ProbeSession::AttachLibrary(const std::string& path,
                                                      const std::string& name) {
  TLSCOPE_TRY(ProbePlan plan,
              PlanProbes(kOpenSslFamily, attach_mode_, point_support(), path, name));
  if (plan.probes.empty()) {
    const RefusedFunction& first = plan.refused.front();
    return Fail(Errc::kUnsupported, 0,
                "see the calls of " + std::string(first.function) + " in " + name, first.reason);
  }
  TLSCOPE_TRY(auto rows, Describe(plan));
  std::vector<UprobeSet::Probe> wanted;
  for (std::size_t i = 0; i < plan.probes.size(); ++i) {
    const PlannedProbe& probe = plan.probes[i];
    wanted.push_back({probe.function, probe.offset, ProgramNamed(probe.program), probe.end,
                      rows.empty() ? 0 : rows[i]});
  }
  auto probes = UprobeSet::Attach(path, name, wanted);
  if (!probes) {
    Forget(rows);
    return tl::make_unexpected(std::move(probes.error()));
  }
  libraries_.emplace(++last_library_, AttachedLibrary{std::move(*probes), std::move(rows)});
  return LibraryAttachment{last_library_, std::move(plan.refused)};
}

/// A row for each probe, in their order; none where the kernel has no use for them.
Result<std::vector<PointTable::Row>> ProbeSession::Describe(const ProbePlan& plan) {
  std::vector<PointTable::Row> rows;
  if (!points_) return rows;
  for (const PlannedProbe& probe : plan.probes) {
    const auto row = points_->Add(probe.point);
    if (!row) {
      Forget(rows);
      return tl::make_unexpected(row.error());
    }
    rows.push_back(*row);
  }
  return rows;
}

void ProbeSession::Forget(const std::vector<PointTable::Row>& rows) {
  for (const PointTable::Row row : rows) points_->Remove(row);
}

/// The plan's programs are those of the skeleton; of one there are two.
const bpf_program* ProbeSession::ProgramNamed(std::string_view name) const {
  const bool in_pieces = name == kIoExit && !has_loop_;
  const std::string loaded(in_pieces ? kIoExitOld : name);
  return bpf_object__find_program_by_name(skeleton_->obj, loaded.c_str());
}

void ProbeSession::NoteUnderWay(std::uint32_t pid) {
  for (const WaitingThread& thread : WaitingThreadsOf(pid)) {
    const std::uint64_t key = std::uint64_t{pid} << 32 | thread.tid;
    // Where it fails the loss is counted, and has no place.
    bpf_map__update_elem(skeleton_->maps.waiting_threads, &key, sizeof key, &thread.fd,
                         sizeof thread.fd, BPF_ANY);
  }
}

void ProbeSession::DetachLibrary(LibraryId library) {
  const auto found = libraries_.find(library);
  if (found == libraries_.end()) return;
  const std::vector<PointTable::Row> rows = std::move(found->second.rows);
  libraries_.erase(found);
  Forget(rows);  // no program that would look there runs any longer
}

void ProbeSession::Detach() {
  libraries_.clear();
  links_.clear();
  const tlscope_counter_row left = CountUnfinishedWrites(*skeleton_);
  left_writes_ = left.events;
  left_bytes_ = left.bytes;
}

int ProbeSession::ring_fd() const { return bpf_map__fd(skeleton_->maps.events); }

volatile std::uint64_t* ProbeSession::wake_mark() const {
  return reinterpret_cast<volatile std::uint64_t*>(&skeleton_->data->wake_mark);
}

void ProbeSession::SetPaused(bool paused) {
  std::atomic_ref(skeleton_->bss->paused).store(paused ? 1 : 0, std::memory_order_relaxed);
}

Result<KernelCounters> ProbeSession::ReadCounters() const {
  TLSCOPE_TRY(KernelCounters counters, ReadKernelCounters(*skeleton_));
  for (const auto counter : {TLSCOPE_COUNT_SEEN, TLSCOPE_COUNT_UNFINISHED}) {
    counters[counter].events += left_writes_;
    counters[counter].bytes += left_bytes_;
  }
  return counters;
}

Evictions ProbeSession::CountEvictions(const KernelCounters& counters) const {
  return CountKernelEvictions(*skeleton_, counters);
}

}  // namespace tlscope
