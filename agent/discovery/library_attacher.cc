// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/library_attacher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/discovery/library_finder.h"
#include "agent/terminal/warning.h"

namespace tlscope {
namespace {

// What could not be attached to is tried again: another tool may be gone by then.
constexpr auto kRetryAfter = std::chrono::seconds(30);

// Full, all but the libraries are forgotten: to look once more costs little.
constexpr std::size_t kMaxFiles = 65536;

// Processes looked at between two words on how far it is.
constexpr std::size_t kTellEvery = 256;

}  // namespace

LibraryAttacher::LibraryAttacher(Prober& prober, EventBus& bus) : prober_(prober), bus_(bus) {
  const UniqueFd self(open("/proc/self/exe", O_PATH | O_CLOEXEC));
  own_program_ = FileKeyOf(self.get());
}

Result<void> LibraryAttacher::Attach(const std::string& path, Time now) {
  UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return Fail(Errc::kSystem, errno, "find " + path);
  const auto key = FileKeyOf(file.get());
  if (!key) return Fail(Errc::kNotFound, 0, "attach to " + path, "it is not a file");
  return AttachIfLibrary(*key, std::move(file), path, true, now);
}

Result<void> LibraryAttacher::AttachIfLibrary(const FileKey& key, UniqueFd file,
                                              const std::string& name, bool installed, Time now) {
  if (key == own_program_) return {};
  const auto known = files_.find(key);
  if (known != files_.end() && IsSettled(known->second, installed, now)) return {};
  auto attachment = prober_.AttachLibrary(DescriptorPath(file.get()), name);
  if (!attachment) {
    OnFailure(key, name, attachment.error(), now);
    return tl::make_unexpected(attachment.error());
  }
  for (const RefusedFunction& refused : attachment->refused)
    Warn(bus_, "calls of " + std::string(refused.function) + " in " + name +
                   " are not seen: " + refused.reason);
  OnAttached(key, Attached{attachment->id, std::move(file), name, installed, now});
  return {};
}

/// Whether there is nothing to do for a file in this state that has shown up again.
bool LibraryAttacher::IsSettled(FileState& state, bool installed, Time now) {
  if (auto* const library = std::get_if<Attached>(&state)) {
    library->last_used = now;
    library->installed |= installed;
    return true;
  }
  const auto* const failed = std::get_if<Failed>(&state);
  return failed == nullptr || now < failed->retry_at;
}

void LibraryAttacher::OnAttached(const FileKey& key, Attached library) {
  bus_.Publish(Topic::kLibraryAttached, LibraryEvent{library.name, {}});
  files_.insert_or_assign(key, std::move(library));
  ++changes_;
  DetachReplaced(key);
}

/// The bus is told of a file's first failure; not of a file that is no library, though it is
/// called like one.
void LibraryAttacher::OnFailure(const FileKey& key, const std::string& name, const Error& error,
                                Time now) {
  if (error.code == Errc::kPrivilege) denied_ = error;
  if (files_.size() >= kMaxFiles)
    std::erase_if(files_,
                  [](const auto& file) { return !std::holds_alternative<Attached>(file.second); });
  if (error.code == Errc::kNotFound) {
    files_.insert_or_assign(key, NotALibrary{});
    return;
  }
  const bool first = files_.insert_or_assign(key, Failed{now + kRetryAfter}).second;
  if (!first) return;
  const std::string reason = error.Describe();
  const std::chrono::milliseconds delay = kRetryAfter;
  bus_.Publish(Topic::kLibraryFailed, LibraryEvent{name, reason});
  bus_.Publish(Topic::kHealthDiagnostics,
               RetryEvent{name, reason, static_cast<std::uint64_t>(delay.count())});
}

// A file written over in place stays the same inode: its old probes go when the new ones are there.
void LibraryAttacher::DetachReplaced(const FileKey& key) {
  std::erase_if(files_, [&](const auto& entry) {
    const auto& [old, state] = entry;
    const auto* const library = std::get_if<Attached>(&state);
    if (library == nullptr || old == key || old.device == 0) return false;
    if (old.device != key.device || old.inode != key.inode) return false;
    prober_.DetachLibrary(library->id);
    ++changes_;
    return true;
  });
}

// Process `pid` maps the file, which may be no library.
void LibraryAttacher::MarkUsed(const FileKey& key, std::uint32_t pid, Time now) {
  const auto file = files_.find(key);
  auto* const library = file == files_.end() ? nullptr : std::get_if<Attached>(&file->second);
  if (library == nullptr) return;
  library->last_used = now;
  if (processes_.Renew(pid, now)) return;
  const std::string comm = CommOf(pid);
  if (comm.empty() || !processes_.Add({pid, comm}, now)) return;
  prober_.NoteUnderWay(pid);
  bus_.Publish(Topic::kProcessDiscovered, ProcessEvent{pid, comm, library->name});
}

void LibraryAttacher::Notice(const Mapping& mapping, Time now) {
  // "//anon", "[vdso]": no files. What this process maps is none of its own business.
  if (!mapping.path.starts_with('/') || mapping.path.starts_with("//")) return;
  if (mapping.pid == static_cast<std::uint32_t>(getpid())) return;
  if (const auto key = mapped_.Add(mapping, now)) MarkUsed(*key, mapping.pid, now);
  if (mapped_.full()) static_cast<void>(AttachNoticed(now));
}

bool LibraryAttacher::AttachNoticed(Time now) {
  for (MappedFile& mapped : mapped_.Take(now)) {
    // What went wrong the bus has been told.
    static_cast<void>(AttachIfLibrary(mapped.key, std::move(mapped.file), mapped.name, false, now));
    for (const std::uint32_t pid : mapped.pids) MarkUsed(mapped.key, pid, now);
  }
  return mapped_.complete();
}

void LibraryAttacher::AttachInstalled(Time now) {
  for (const std::string& path : InstalledLibraries()) static_cast<void>(Attach(path, now));
}

void LibraryAttacher::AttachAll(Time now) {
  AttachInstalled(now);
  const std::vector<std::uint32_t> pids = Processes();
  mapped_.FindUnresolved(pids);
  std::size_t looked_at = 0;
  for (const std::uint32_t pid : pids) {
    ForEachMapping(pid, [&](const Mapping& mapping) { Notice(mapping, now); });
    if (++looked_at % kTellEvery == 0) PublishProgress(looked_at, pids.size());
  }
  static_cast<void>(AttachNoticed(now));
  PublishProgress(pids.size(), pids.size());
  processes_.ForgetUnseenSince(now);
  mapped_.ForgetUnresolved();  // gone while they were looked at, or not to be opened by anybody
}

void LibraryAttacher::PublishProgress(std::size_t looked_at, std::size_t processes) {
  bus_.Publish(Topic::kAgentTask,
               ProgressEvent{"look for libraries", looked_at, processes, "processes"});
}

void LibraryAttacher::DetachUnused(Time unused_since) {
  const std::size_t detached = std::erase_if(files_, [&](const auto& file) {
    const auto* const library = std::get_if<Attached>(&file.second);
    if (library == nullptr || library->last_used > unused_since) return false;
    struct stat status {};
    const bool named = fstat(library->file.get(), &status) == 0 && status.st_nlink > 0;
    if (library->installed && named) return false;
    prober_.DetachLibrary(library->id);
    bus_.Publish(Topic::kLibraryDetached, LibraryEvent{library->name, {}});
    return true;
  });
  if (detached == 0) return;
  ++changes_;
  mapped_.ForgetTaken();  // what is mapped again is looked at again
}

std::vector<std::string> LibraryAttacher::names() const {
  std::vector<std::string> names;
  for (const auto& [key, state] : files_) {
    if (const auto* const library = std::get_if<Attached>(&state)) names.push_back(library->name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tlscope
