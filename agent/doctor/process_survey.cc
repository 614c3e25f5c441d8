// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/process_survey.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/discovery/library_finder.h"
#include "agent/elf/elf_symbols.h"
#include "agent/elf/library_version.h"
#include "agent/probes/probe_plan.h"
#include "agent/probes/tls_family.h"

namespace tlscope {
namespace {

std::string PointName(AttachPoint point) {
  switch (point) {
    case AttachPoint::kInner:
      return "inner";
    case AttachPoint::kPublic:
      return "public";
    case AttachPoint::kNone:
      break;
  }
  return "none";
}

/// Where probes go, as planned from the file alone.
void AddPlan(const ProbePlan& plan, DoctorLibrary& library) {
  library.read_point = PointName(plan.points.read);
  library.write_point = PointName(plan.points.write);
  for (const PlannedProbe& probe : plan.probes)
    library.points.push_back({std::string(probe.function),
                              probe.end == CallEnd::kEntry ? "entry" : "exit", probe.offset,
                              probe.price == PointPrice::kEmulated ? "emulated" : "stepped"});
  for (const RefusedFunction& refused : plan.refused)
    library.refused.push_back({std::string(refused.function), refused.reason});
}

bool IsLibcrypto(std::string_view path) {
  return path.substr(path.rfind('/') + 1).starts_with("libcrypto");
}

// Whether a process without mappings is one that may not be looked into: kernel threads and those
// that have ended have none either, but then there is no link to read.
bool IsHidden(const std::string& process) {
  char target[1];
  return readlink((process + "/exe").c_str(), target, sizeof target) < 0 && errno != ENOENT &&
         errno != ESRCH;
}

template <class Value>
void AddOnce(std::vector<Value>& values, const Value& value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

}  // namespace

ProcessSurvey::ProcessSurvey(const std::vector<std::uint32_t>& pids, ProbeSession* probes,
                             FileGuard& guard)
    : probes_(probes), guard_(guard) {
  for (const std::uint32_t pid : pids.empty() ? Processes() : pids) LookAtProcess(pid);
  if (pids.empty()) LookAtInstalled();
}

// Before the leases: writers are let in when there are no probes any longer.
ProcessSurvey::~ProcessSurvey() {
  if (probes_ != nullptr) probes_->Detach();
}

void ProcessSurvey::LookAtProcess(std::uint32_t pid) {
  if (pid == static_cast<std::uint32_t>(getpid())) return;
  const std::string path = "/proc/" + std::to_string(pid);
  DoctorProcess process;
  process.pid = pid;
  process.comm = CommOf(pid);
  std::string version;
  bool mapped = false;
  ForEachMapping(pid, [&](const Mapping& mapping) {
    mapped = true;
    const UniqueFd file(OpenMappedFile(mapping));
    const auto key = file ? FileKeyOf(file.get()) : std::nullopt;
    if (!key) return;
    const File& found = FileOf(file, *key, mapping.path, NameOf(file.get(), mapping));
    if (found.library) AddOnce(process.libraries, *found.library);
    if (!found.other_tls.empty()) AddOnce(process.other_tls, found.other_tls);
    if (!found.own_version.empty()) version = found.own_version;
  });
  if (!mapped && !IsHidden(path)) return;
  ++seen_;
  if (!mapped) ++hidden_;
  for (const std::size_t library : process.libraries) {
    if (libraries_[library].version.empty()) libraries_[library].version = version;
  }
  if (!process.libraries.empty() || !process.other_tls.empty())
    processes_.push_back(std::move(process));
}

void ProcessSurvey::LookAtInstalled() {
  for (const std::string& path : InstalledLibraries()) {
    const UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
    const auto key = FileKeyOf(file.get());
    if (!key) continue;
    const File& found = FileOf(file, *key, path, path);
    if (!found.library || !libraries_[*found.library].version.empty()) continue;
    // libssl.so.3 does not say its version; libcrypto.so.3 beside it does.
    std::string crypto = path;
    crypto.replace(crypto.rfind("libssl"), 6, "libcrypto");
    const UniqueFd beside(open(crypto.c_str(), O_RDONLY | O_CLOEXEC));
    libraries_[*found.library].version = LibraryVersion(beside.get());
  }
}

const ProcessSurvey::File& ProcessSurvey::FileOf(const UniqueFd& file, const FileKey& key,
                                                 std::string_view path, const std::string& name) {
  const auto known = files_.find(key);
  if (known != files_.end()) return known->second;
  File found;
  const UniqueFd readable(open(DescriptorPath(file.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (auto library = LibraryIn(readable, name)) {
    found.library = libraries_.size();
    libraries_.push_back(std::move(*library));
  } else if (IsLibcrypto(path)) {
    found.own_version = LibraryVersion(readable.get());
  } else {
    found.other_tls = OtherTlsByName(path);
    if (found.other_tls.empty()) found.other_tls = OtherTlsInside(readable.get());
  }
  return files_.emplace(key, std::move(found)).first->second;
}

std::optional<DoctorLibrary> ProcessSurvey::LibraryIn(const UniqueFd& file,
                                                      const std::string& name) {
  const std::string path = DescriptorPath(file.get());
  const auto probed = kOpenSslFamily.FunctionNames();
  const auto essential = kOpenSslFamily.EssentialNames();
  const auto functions = FindFunctions(path, probed, essential);
  if (!functions) return std::nullopt;
  if (std::none_of(essential.begin(), essential.end(),
                   [&](std::string_view function) { return functions->contains(function); }))
    return std::nullopt;
  DoctorLibrary library;
  library.path = name;
  library.version = LibraryVersion(file.get());
  for (const std::string_view function : probed)
    (functions->contains(function) ? library.symbols : library.missing).emplace_back(function);
  const PointSupport support = probes_ ? probes_->point_support() : PointSupport::kCookies;
  const auto plan = PlanProbes(kOpenSslFamily, AttachMode::kAuto, support, path, name);
  if (plan) AddPlan(*plan, library);
  if (probes_ != nullptr) Attach(file.get(), name, library);
  return library;
}

void ProcessSurvey::Attach(int file, const std::string& name, DoctorLibrary& library) {
  UniqueFd guarded(open(DescriptorPath(file).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const Protection protection = guard_.Protect(guarded.get()).protection;
  if (protection == Protection::kRefused) {
    library.error =
        Error{Errc::kSystem, ETXTBSY, "attach to " + name, "run doctor again"}.Describe();
    return;
  }
  library.leased = protection == Protection::kLeased;
  const auto attached = probes_->AttachLibrary(DescriptorPath(guarded.get()), name);
  library.attached = attached.has_value();
  if (!attached) library.error = attached.error().Describe();
  if (attached)
    guarded_.push_back(std::move(guarded));
  else
    guard_.Release(guarded.get());
}

void ProcessSurvey::AddTo(DoctorReport& report) const {
  report.libraries = libraries_;
  for (DoctorLibrary& library : report.libraries) {
    if (library.version.empty()) library.version = "unknown";
    if (library.read_point.empty()) library.read_point = library.write_point = "none";
  }
  report.processes = processes_;
  report.processes_seen = seen_;
  report.processes_hidden = hidden_;
}

}  // namespace tlscope
