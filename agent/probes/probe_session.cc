// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/probe_session.h"

#include <bpf/bpf.h>
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

#include "agent/elf/elf_symbols.h"
#include "agent/probes/attach_point.h"
#include "agent/procfs/process_filters.h"

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
  skeleton->rodata->filter_by_pid = !options.pids.empty();
  skeleton->rodata->filter_by_uid = !options.uids.empty();
  skeleton->rodata->filter_by_comm = !options.comms.empty();
  skeleton->rodata->filter_by_cgroup = !options.cgroups.empty();
  skeleton->rodata->filter_by_port = !options.ports.empty();
  skeleton->rodata->excluded_tgid = options.excluded_pid;
  bpf_map__set_max_entries(skeleton->maps.events, static_cast<std::uint32_t>(options.ring_bytes));
  return skeleton;
}

template <class Key>
Result<void> AddKey(const bpf_map* map, const Key& key, const char* what) {
  const std::uint8_t present = 1;
  const int result = bpf_map__update_elem(map, &key, sizeof key, &present, sizeof present, BPF_ANY);
  if (result == 0) return {};
  return Fail(Errc::kUsage, -result, std::string("store the ") + what + " filter",
              "give at most 1024 values");
}

Result<void> FillFilters(const tlscope_bpf& skeleton, const ProbeOptions& options) {
  for (const std::uint32_t pid : options.pids) {
    if (auto result = AddKey(skeleton.maps.wanted_pids, pid, "--pid"); !result) return result;
  }
  for (const std::uint32_t uid : options.uids) {
    if (auto result = AddKey(skeleton.maps.wanted_uids, uid, "--uid"); !result) return result;
  }
  for (const std::string& comm : options.comms) {
    std::array<char, TLSCOPE_COMM_LEN> name{};
    std::copy_n(comm.begin(), std::min(comm.size(), name.size() - 1), name.begin());
    if (auto result = AddKey(skeleton.maps.wanted_comms, name, "--comm"); !result) return result;
  }
  for (const std::uint64_t cgroup : options.cgroups) {
    if (auto result = AddKey(skeleton.maps.wanted_cgroups, cgroup, "--cgroup"); !result)
      return result;
  }
  for (const std::uint16_t port : options.ports) {
    if (auto result = AddKey(skeleton.maps.wanted_ports, port, "--port"); !result) return result;
  }
  return {};
}

/// Those that AttachLibrary attaches.
std::vector<bpf_program*> UprobePrograms(const bpf_object* object) {
  std::vector<bpf_program*> programs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string_view section = bpf_program__section_name(program);
    if (section == "uprobe" || section == "uretprobe") programs.push_back(program);
  }
  return programs;
}

// Once forks are followed: what is forked before the look is found by it, the rest is followed.
Result<void> AddDescendants(const tlscope_bpf& skeleton, const ProbeOptions& options) {
  for (const std::uint32_t pid : DescendantsOf(options.pids)) {
    if (auto result = AddKey(skeleton.maps.wanted_pids, pid, "--pid"); !result) return result;
  }
  return {};
}

constexpr std::string_view kFunctions[] = {
    "SSL_read",
    "SSL_write",
    "SSL_read_ex",
    "SSL_write_ex",
    "SSL_set_fd",
    "SSL_set_rfd",
    "SSL_set_wfd",
    "SSL_up_ref",
    "SSL_free",
    "SSL_do_handshake",
    "SSL_clear",
    "SSL_sendfile",
    "SSL_get0_alpn_selected",
};

/// Those a library must have to be of any use.
constexpr std::string_view kDataFunctions[] = {"SSL_read", "SSL_write"};

/// One direction: the public functions that move data, and the programs for their entries.
struct DataFunctions {
  std::string_view plain;
  std::string_view ex;
  bpf_program* plain_enter;
  bpf_program* ex_enter;
};

// Where the functions of one library are to be probed, the cheapest way that is certain.
class HookPlan {
 public:
  HookPlan(const tlscope_bpf& skeleton, bool has_loop, AttachMode mode, const std::string& path,
           const FunctionOffsets& functions)
      : programs_(skeleton.progs),
        io_exit_(has_loop ? programs_.ssl_io_exit : programs_.ssl_io_exit_old),
        mode_(mode),
        path_(path),
        functions_(functions) {
    points_.read =
        AddData({"SSL_read", "SSL_read_ex", programs_.read_enter, programs_.read_ex_enter});
    points_.write =
        AddData({"SSL_write", "SSL_write_ex", programs_.write_enter, programs_.write_ex_enter});
    carries_data_ = !hooks_.empty();
    if (AddPublic("SSL_do_handshake", programs_.handshake_enter))
      AddReturn("SSL_do_handshake", programs_.handshake_exit);
    if (AddPublic("SSL_get0_alpn_selected", programs_.alpn_enter))
      AddReturn("SSL_get0_alpn_selected", programs_.alpn_exit);
    AddPublic("SSL_set_fd", programs_.set_fd_enter);
    AddPublic("SSL_set_rfd", programs_.set_rfd_enter);
    AddPublic("SSL_set_wfd", programs_.set_wfd_enter);
    AddPublic("SSL_up_ref", programs_.up_ref_enter);
    AddPublic("SSL_free", programs_.free_enter);
    AddPublic("SSL_clear", programs_.clear_enter);
    if (AddPublic("SSL_sendfile", programs_.sendfile_enter))
      AddReturn("SSL_sendfile", programs_.sendfile_exit);
  }

  const std::vector<UprobeSet::Place>& hooks() const { return hooks_; }
  bool carries_data() const { return carries_data_; }
  AttachPoints points() const { return points_; }

 private:
  AttachPoint AddData(const DataFunctions& direction) {
    const std::size_t before = hooks_.size();
    if (mode_ == AttachMode::kAuto && AddInner(direction)) return AttachPoint::kInner;
    if (AddPublic(direction.plain, direction.plain_enter)) AddReturn(direction.plain, io_exit_);
    if (AddPublic(direction.ex, direction.ex_enter)) AddReturn(direction.ex, io_exit_);
    return hooks_.size() > before ? AttachPoint::kPublic : AttachPoint::kNone;
  }

  bool AddInner(const DataFunctions& direction) {
    const auto plain = functions_.find(direction.plain);
    const auto ex = functions_.find(direction.ex);
    if (plain == functions_.end() || ex == functions_.end()) return false;
    const auto plain_code = ReadCode(path_, plain->second, kPrologueBytes);
    const auto ex_code = ReadCode(path_, ex->second, kPrologueBytes);
    const auto inner = FindInnerFunction({plain->second, plain_code}, {ex->second, ex_code});
    if (!inner) return false;
    const auto inner_code = ReadCode(path_, *inner, kPrologueBytes);
    const std::uint64_t offset = *inner + CheapEntry(inner_code);
    if (!IsEmulated(std::span(inner_code).subspan(offset - *inner))) return false;
    hooks_.push_back({direction.plain, offset, direction.ex_enter, false});
    hooks_.push_back({direction.plain, offset, io_exit_, true});
    return true;
  }

  bool AddPublic(std::string_view function, bpf_program* program) {
    const auto found = functions_.find(function);
    if (found == functions_.end()) return false;
    hooks_.push_back({function, found->second, program, false});
    return true;
  }

  void AddReturn(std::string_view function, bpf_program* program) {
    hooks_.push_back({function, functions_.at(function), program, true});
  }

  const decltype(tlscope_bpf::progs)& programs_;
  bpf_program* io_exit_;
  AttachMode mode_;
  const std::string& path_;
  const FunctionOffsets& functions_;
  std::vector<UprobeSet::Place> hooks_;
  bool carries_data_ = false;
  AttachPoints points_;
};

std::uint64_t EntriesOf(const bpf_map* map) {
  std::vector<std::byte> key(bpf_map__key_size(map));
  std::uint64_t entries = 0;
  const void* previous = nullptr;
  while (bpf_map__get_next_key(map, previous, key.data(), key.size()) == 0) {
    previous = key.data();
    ++entries;
  }
  return entries;
}

/// Of the entries that were made, those that neither came to their end nor are there.
std::uint64_t EvictedFrom(const bpf_map* map, std::uint64_t made, std::uint64_t ended) {
  const std::uint64_t accounted = ended + EntriesOf(map);
  return made > accounted ? made - accounted : 0;
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
  auto skeleton = OpenSkeleton(options);
  if (!skeleton) return tl::make_unexpected(skeleton.error());
  bpf_program__set_autoload((*skeleton)->progs.ssl_io_exit, has_loop);
  bpf_program__set_autoload((*skeleton)->progs.ssl_io_exit_old, !has_loop);
  for (bpf_program* const program : UprobePrograms((*skeleton)->obj))
    bpf_program__set_expected_attach_type(program,
                                          static_cast<bpf_attach_type>(UprobeSet::kAttachType));
  for (const StrategyInfo& other : AllStrategies()) {
    for (const char* const name : other.programs)
      bpf_program__set_autoload(bpf_object__find_program_by_name((*skeleton)->obj, name),
                                strategy && other.strategy == strategy->strategy);
  }
  if (const int error = -tlscope_bpf__load(skeleton->get()); error != 0)
    return Fail(
        CodeFor(error), error, "load the BPF programs",
        "run it as root on a kernel of 5.8 or newer; --verbose shows the kernel's messages");

  std::unique_ptr<ProbeSession> session(new ProbeSession(std::move(*skeleton)));
  session->has_loop_ = has_loop;
  session->attach_mode_ = options.attach_mode;
  if (!has_loop &&
      (options.max_payload_bytes == 0 || options.max_payload_bytes > kMaxCallBytesWithoutLoop))
    session->shortcomings_.emplace_back(
        "this kernel has no bpf_loop (5.17 or newer): of one SSL call 1 MiB is captured, the rest "
        "is counted as over --max-payload");
  if (auto result = FillFilters(*session->skeleton_, options); !result)
    return tl::make_unexpected(result.error());
  if (auto result = session->AttachSystemPrograms(strategy); !result)
    return tl::make_unexpected(result.error());
  if (auto result = AddDescendants(*session->skeleton_, options); !result)
    return tl::make_unexpected(result.error());
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

Result<LibraryId> ProbeSession::AttachLibrary(const std::string& path, const std::string& name) {
  const auto functions = FindFunctions(path, kFunctions, kDataFunctions);
  if (!functions)
    return Fail(functions.error().code, functions.error().error_number, "read " + name,
                functions.error().remedy);
  const HookPlan plan(*skeleton_, has_loop_, attach_mode_, path, *functions);
  if (!plan.carries_data())
    return Fail(Errc::kNotFound, 0, "find SSL_read or SSL_write in " + name,
                "it is not an OpenSSL library");

  auto probes = UprobeSet::Attach(path, name, plan.hooks());
  if (!probes) return tl::make_unexpected(probes.error());
  libraries_.emplace(++last_library_, AttachedLibrary{std::move(*probes), plan.points()});
  return last_library_;
}

std::span<const std::string_view> ProbeSession::ProbedFunctions() { return kFunctions; }
std::span<const std::string_view> ProbeSession::EssentialFunctions() { return kDataFunctions; }

AttachPoints ProbeSession::PointsOf(LibraryId library) const {
  const auto found = libraries_.find(library);
  return found == libraries_.end() ? AttachPoints{} : found->second.points;
}

void ProbeSession::DetachLibrary(LibraryId library) { libraries_.erase(library); }

void ProbeSession::Detach() {
  libraries_.clear();
  links_.clear();
}

int ProbeSession::ring_fd() const { return bpf_map__fd(skeleton_->maps.events); }

volatile std::uint64_t* ProbeSession::wake_mark() const {
  return reinterpret_cast<volatile std::uint64_t*>(&skeleton_->data->wake_mark);
}

void ProbeSession::SetPaused(bool paused) {
  std::atomic_ref(skeleton_->bss->paused).store(paused ? 1 : 0, std::memory_order_relaxed);
}

Result<KernelCounters> ProbeSession::ReadCounters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 1) return Fail(Errc::kSystem, -cpus, "count the CPUs");
  std::vector<tlscope_counter_row> rows(static_cast<std::size_t>(cpus));
  KernelCounters sums{};
  for (std::uint32_t key = 0; key < TLSCOPE_COUNTERS; ++key) {
    const int result = bpf_map__lookup_elem(skeleton_->maps.counters, &key, sizeof key, rows.data(),
                                            rows.size() * sizeof rows[0], 0);
    if (result != 0) return Fail(Errc::kSystem, -result, "read the kernel's counters");
    for (const tlscope_counter_row& row : rows) {
      sums[key].events += row.events;
      sums[key].bytes += row.bytes;
    }
  }
  return sums;
}

Evictions ProbeSession::CountEvictions(const KernelCounters& counters) const {
  const auto events = [&](tlscope_counter counter) { return counters[counter].events; };
  Evictions evictions;
  evictions.ssl_objects = EvictedFrom(skeleton_->maps.streams, events(TLSCOPE_COUNT_STREAMS_MADE),
                                      events(TLSCOPE_COUNT_STREAMS_ENDED));
  evictions.threads = EvictedFrom(skeleton_->maps.threads, events(TLSCOPE_COUNT_THREADS_MADE),
                                  events(TLSCOPE_COUNT_THREADS_ENDED));
  evictions.ledgers = EvictedFrom(skeleton_->maps.ledgers, events(TLSCOPE_COUNT_LEDGERS_MADE),
                                  events(TLSCOPE_COUNT_LEDGERS_ENDED));
  return evictions;
}

}  // namespace tlscope
