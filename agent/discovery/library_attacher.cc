// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/library_attacher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>

#include "agent/discovery/library_finder.h"

namespace tlscope {
namespace {

// A file is what it was when it was last looked at for so long.
constexpr auto kTrustedFor = std::chrono::seconds(1);

// What could not be attached to is tried again: another tool may be gone by then.
constexpr auto kRetryAfter = std::chrono::seconds(30);

// Full, these are emptied: to look once more costs little.
constexpr std::size_t kMaxFiles = 65536;
constexpr std::size_t kMaxRecent = 16384;
constexpr std::size_t kMaxNoticed = 256;  // each holds a descriptor
constexpr std::size_t kMaxMissed = 64;

// Processes looked at between two words on how far it is.
constexpr std::size_t kTellEvery = 256;

}  // namespace

LibraryAttacher::LibraryAttacher(ProbeSession& probes, EventBus& bus) : probes_(probes), bus_(bus) {
  const UniqueFd self(open("/proc/self/exe", O_PATH | O_CLOEXEC));
  if (const auto key = FileKeyOf(self.get())) others_.emplace(*key, Time::max());
}

Result<void> LibraryAttacher::Attach(const std::string& path, Time now) {
  UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return Fail(Errc::kSystem, errno, "find " + path);
  const auto key = FileKeyOf(file.get());
  if (!key) return Fail(Errc::kNotFound, 0, "attach to " + path, "it is not a file");
  return Look(*key, std::move(file), path, true, now);
}

Result<void> LibraryAttacher::Look(const FileKey& key, UniqueFd file, std::string name,
                                   bool installed, Time now) {
  if (const auto library = libraries_.find(key); library != libraries_.end()) {
    library->second.last_used = now;
    library->second.installed |= installed;
    return {};
  }
  const auto other = others_.find(key);
  const bool again = other != others_.end();
  if (again && now < other->second) return {};
  const auto id = probes_.AttachLibrary(DescriptorPath(file.get()), name);
  if (id) {
    others_.erase(key);
    bus_.Publish(Topic::kLibraryAttached, LibraryEvent{name, {}});
    libraries_.emplace(key, Library{*id, std::move(file), std::move(name), installed, now});
    ++changes_;
    DetachReplaced(key);
    return {};
  }
  if (others_.size() >= kMaxFiles) others_.clear();
  if (id.error().code == Errc::kPrivilege) denied_ = id.error();
  const bool none = id.error().code == Errc::kNotFound;  // others' libraries have such names, too
  others_[key] = none ? Time::max() : now + kRetryAfter;
  if (!none && !again) TellOfFailure(name, id.error().Describe());
  return tl::make_unexpected(id.error());
}

void LibraryAttacher::TellOfFailure(const std::string& name, const std::string& error) {
  bus_.Publish(Topic::kLibraryFailed, LibraryEvent{name, error});
  const std::chrono::milliseconds delay = kRetryAfter;
  bus_.Publish(Topic::kHealthDiagnostics,
               RetryEvent{name, error, static_cast<std::uint64_t>(delay.count())});
}

// A file written over in place stays the same inode: its old probes go when the new ones are there.
void LibraryAttacher::DetachReplaced(const FileKey& key) {
  std::erase_if(libraries_, [&](const auto& entry) {
    const auto& [old, library] = entry;
    if (old == key || old.device == 0) return false;
    if (old.device != key.device || old.inode != key.inode) return false;
    probes_.DetachLibrary(library.id);
    ++changes_;
    return true;
  });
}

// Process `pid` maps the file, which may be no library.
void LibraryAttacher::MarkUsed(const FileKey& key, std::uint32_t pid, Time now) {
  const auto library = libraries_.find(key);
  if (library == libraries_.end()) return;
  library->second.last_used = now;
  if (processes_.Renew(pid, now)) return;
  const std::string comm = CommOf(pid);
  if (comm.empty() || !processes_.Add({pid, comm}, now)) return;
  bus_.Publish(Topic::kProcessDiscovered, ProcessEvent{pid, comm, library->second.name});
}

void LibraryAttacher::Notice(const Mapping& mapping, Time now) {
  // "//anon", "[vdso]": no files. What this process maps is none of its own business.
  if (!mapping.path.starts_with('/') || mapping.path.starts_with("//")) return;
  if (mapping.pid == static_cast<std::uint32_t>(getpid())) return;
  const auto recent = recent_.find(mapping.file);
  if (recent != recent_.end() && now < recent->second.checked + kTrustedFor &&
      (mapping.generation == 0 || mapping.generation == recent->second.generation)) {
    MarkUsed(recent->second.key, mapping.pid, now);
    return;
  }
  const auto noticed = std::find_if(noticed_.begin(), noticed_.end(), [&](const Noticed& one) {
    return one.mapping.file == mapping.file;
  });
  if (noticed != noticed_.end()) {
    if (noticed->pids.size() < ProcessRoster::kMaxProcesses) noticed->pids.push_back(mapping.pid);
    return;
  }
  UniqueFd file(OpenMappedFile(mapping));
  if (!file) {
    if (missed_.size() < kMaxMissed) missed_.push_back({mapping.file, std::string(mapping.path)});
    return;
  }
  std::string name = NameOf(file.get(), mapping);
  noticed_.push_back({std::move(file), mapping, std::move(name), {mapping.pid}});
  noticed_.back().mapping.path = {};
  if (noticed_.size() >= kMaxNoticed) static_cast<void>(AttachNoticed(now));
}

bool LibraryAttacher::AttachNoticed(Time now) {
  if (recent_.size() >= kMaxRecent) recent_.clear();
  for (Noticed& noticed : std::exchange(noticed_, {})) {
    const auto key = FileKeyOf(noticed.file.get());
    if (!key) continue;
    recent_[noticed.mapping.file] = {noticed.mapping.generation, now, *key};
    static_cast<void>(Look(*key, std::move(noticed.file), std::move(noticed.name), false, now));
    for (const std::uint32_t pid : noticed.pids) MarkUsed(*key, pid, now);
  }
  return missed_.empty();
}

void LibraryAttacher::AttachInstalled(Time now) {
  for (const std::string& path : InstalledLibraries()) static_cast<void>(Attach(path, now));
}

// Looks for files whose process was gone before they were opened, through the eyes of one process
// of each mount namespace.
void LibraryAttacher::FindMissed(const std::vector<std::uint32_t>& pids) {
  std::set<std::filesystem::path> namespaces;
  const std::vector<Missed> missed = std::exchange(missed_, {});
  for (const std::uint32_t pid : missed.empty() ? std::vector<std::uint32_t>{} : pids) {
    const std::string process = "/proc/" + std::to_string(pid);
    std::error_code error;
    const auto mounts = std::filesystem::read_symlink(process + "/ns/mnt", error);
    if (error || !namespaces.insert(mounts).second) continue;
    for (const Missed& one : missed) {
      Mapping mapping;
      mapping.pid = pid;
      mapping.file = one.file;
      mapping.path = one.path;
      UniqueFd file(OpenMappedFile(mapping));
      if (!file) continue;
      std::string name = NameOf(file.get(), mapping);
      mapping.path = {};
      noticed_.push_back({std::move(file), mapping, std::move(name), {}});
    }
  }
}

void LibraryAttacher::AttachAll(Time now) {
  AttachInstalled(now);
  const std::vector<std::uint32_t> pids = Processes();
  FindMissed(pids);
  std::size_t looked_at = 0;
  for (const std::uint32_t pid : pids) {
    ForEachMapping(pid, [&](const Mapping& mapping) { Notice(mapping, now); });
    if (++looked_at % kTellEvery == 0) TellOfProgress(looked_at, pids.size());
  }
  static_cast<void>(AttachNoticed(now));
  TellOfProgress(pids.size(), pids.size());
  processes_.ForgetUnseenSince(now);
  missed_.clear();  // gone while they were looked at, or not to be opened by anybody
}

void LibraryAttacher::TellOfProgress(std::size_t looked_at, std::size_t processes) {
  bus_.Publish(Topic::kAgentTask,
               ProgressEvent{"look for libraries", looked_at, processes, "processes"});
}

void LibraryAttacher::DetachUnused(Time unused_since) {
  const std::size_t before = libraries_.size();
  std::erase_if(libraries_, [&](const auto& entry) {
    const Library& library = entry.second;
    struct stat status {};
    const bool named = fstat(library.file.get(), &status) == 0 && status.st_nlink > 0;
    if (library.last_used > unused_since || (library.installed && named)) return false;
    probes_.DetachLibrary(library.id);
    bus_.Publish(Topic::kLibraryDetached, LibraryEvent{library.name, {}});
    return true;
  });
  if (libraries_.size() == before) return;
  ++changes_;
  recent_.clear();  // what is mapped again is looked at again
}

std::vector<std::string> LibraryAttacher::names() const {
  std::vector<std::string> names;
  names.reserve(libraries_.size());
  for (const auto& [key, library] : libraries_) names.push_back(library.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tlscope
