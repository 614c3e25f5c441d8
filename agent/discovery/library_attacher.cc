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

using std::chrono::milliseconds;
using std::chrono::seconds;

// What could not be attached to is tried again: another tool may be gone by then.
constexpr auto kRetryAfter = seconds(30);

// How soon a file is attached to again after its writer has closed it: at least, and as a part of
// the time for which it has been written. Some files are open for writing for ever.
constexpr auto kRetryLease = milliseconds(100);
constexpr int kRetryLeaseShare = 8;

// Without leases nothing tells that a writer is gone: what did not change for so long is taken for
// written, and how often it is looked whether something did.
constexpr auto kQuiet = seconds(1);

// For how long nobody may have mapped a file on a foreign mount: short, since somebody may wait to
// unmount it, and long enough for a program that is started again and again.
constexpr auto kLetGoAfter = seconds(1);

// Full, all but the libraries are forgotten: to look once more costs little.
constexpr std::size_t kMaxFiles = 65536;

// Each holds a descriptor. Those beyond are found again when they are mapped again.
constexpr std::size_t kMaxBeingWritten = 256;

// Processes looked at between two words on how far it is.
constexpr std::size_t kTellEvery = 256;

constexpr std::string_view kUnused;  // the usual reason to detach
constexpr std::string_view kWriter = "somebody writes to it";

/// To be read, through a mount that this process needs anyhow if that leads there, too. Never
/// waits.
UniqueFd OpenToRead(int file, const std::string& name) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  struct stat wanted {};
  struct stat here {};
  if (fstat(file, &wanted) == 0 && stat(name.c_str(), &here) == 0 && wanted.st_dev == here.st_dev &&
      wanted.st_ino == here.st_ino)
    if (UniqueFd opened{open(name.c_str(), kFlags)}) return opened;
  return UniqueFd(open(DescriptorPath(file).c_str(), kFlags));
}

}  // namespace

LibraryAttacher::LibraryAttacher(Prober& prober, FileGuard& guard, EventBus& bus)
    : prober_(prober), guard_(guard), bus_(bus), own_mounts_(OwnMounts()) {
  const UniqueFd self(open("/proc/self/exe", O_PATH | O_CLOEXEC));
  own_program_ = IdentityOf(self.get());
}

Result<void> LibraryAttacher::Attach(const std::string& path, Time now) {
  return AttachPath(path, Wanted::kNamed, now);
}

Result<void> LibraryAttacher::AttachPath(const std::string& path, Wanted wanted, Time now) {
  UniqueFd file(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return Fail(Errc::kSystem, errno, "find " + path);
  // It is attached to when somebody maps it: until then it would be let go again and again.
  if (wanted == Wanted::kInstalled && IsForeign(file.get())) return {};
  const auto identity = IdentityOf(file.get());
  if (!identity) return Fail(Errc::kNotFound, 0, "attach to " + path, "it is not a file");
  return AttachIfLibrary({*identity, std::move(file), path, wanted}, now);
}

Result<void> LibraryAttacher::AttachIfLibrary(Candidate candidate, Time now) {
  const auto& [inode, key] = candidate.identity;
  if (own_program_ && (inode == own_program_->inode || key == own_program_->key)) return {};
  if (IsHeld(candidate, now) || IsSettled(key, now)) return {};
  return AttachGuarded(candidate, now);
}

LibraryAttacher::HeldFiles::iterator LibraryAttacher::FindHeld(const FileIdentity& identity) {
  const auto held = held_.find(identity.inode);
  // On overlayfs it may be held as a file of another mount.
  if (held != held_.end() || identity.key.device != 0) return held;
  return std::ranges::find_if(held_, [&](const auto& one) {
    const auto* const library = std::get_if<Attached>(&one.second);
    return library != nullptr && library->file.key == identity.key;
  });
}

/// Whether there is nothing to do for a file that has shown up again, for it is open.
bool LibraryAttacher::IsHeld(const Candidate& candidate, Time now) {
  const auto held = FindHeld(candidate.identity);
  if (held == held_.end()) return false;
  auto* const library = std::get_if<Attached>(&held->second);
  if (library == nullptr) return true;
  library->last_used = now;
  library->file.wanted = std::max(library->file.wanted, candidate.wanted);
  if (library->file.wanted == Wanted::kNamed) users_.Remove(held->first);
  // Under a lease only its name, its owner or its mode can be another.
  if (!library->leased && candidate.identity.key != library->file.key) MakeWay(held, now);
  return true;
}

bool LibraryAttacher::IsSettled(const FileKey& key, Time now) const {
  const auto known = looked_at_.find(key);
  if (known == looked_at_.end()) return false;
  const auto* const failed = std::get_if<Failed>(&known->second);
  return failed == nullptr || now < failed->retry_at;
}

Result<void> LibraryAttacher::AttachGuarded(const Candidate& candidate, Time now) {
  Tend(now);  // nobody waits for more than one file to be looked into
  const std::string& name = candidate.name;
  UniqueFd fd = OpenToRead(candidate.file.get(), name);
  if (!fd) {
    const Error error{Errc::kSystem, errno, "read " + name, ""};
    OnFailure(candidate.identity.key, name, error, now);
    return tl::make_unexpected(error);
  }
  const ProtectionAnswer answer = guard_.Protect(fd.get());
  // What it is now: before, somebody may have written to it.
  const FileKey key = FileKeyOf(fd.get()).value_or(candidate.identity.key);
  return AttachUnder(answer, candidate.identity.inode, {std::move(fd), key, name, candidate.wanted},
                     now);
}

Result<void> LibraryAttacher::AttachUnder(const ProtectionAnswer& answer, InodeId inode,
                                          OpenFile file, Time now) {
  const int fd = file.fd.get();
  if (answer.protection == Protection::kRefused) {
    AwaitWriter(inode, std::move(file), true, now);
    return {};
  }
  auto attachment = prober_.AttachLibrary(DescriptorPath(fd), file.name);
  if (!attachment) {
    guard_.Release(fd);
    OnFailure(file.key, file.name, attachment.error(), now);
    return tl::make_unexpected(attachment.error());
  }
  const bool leased = answer.protection == Protection::kLeased;
  if (!leased && FileKeyOf(fd) != file.key) {  // the probes may be anywhere in it
    prober_.DetachLibrary(attachment->id);
    guard_.Release(fd);
    AwaitWriter(inode, std::move(file), false, now);
    return {};
  }
  if (!leased && unleased_.insert(inode.device).second) WarnOfNoLease(file.name, answer);
  for (const RefusedFunction& refused : attachment->refused)
    Warn(bus_, "calls of " + std::string(refused.function) + " in " + file.name +
                   " are not seen: " + refused.reason);
  OnAttached(inode, Attached{std::move(file), attachment->id, leased, now}, now);
  return {};
}

/// Once for each file system.
void LibraryAttacher::WarnOfNoLease(const std::string& name, const ProtectionAnswer& answer) {
  std::string remedy = answer.error_number == EACCES
                           ? "run it as root or with CAP_LEASE; until then do not"
                           : "its file system has no leases: do not";
  remedy +=
      " write over programs and libraries there in place during the capture, or they may "
      "crash (replacing them by renaming, as package managers do, is safe)";
  const Error error{Errc::kUnsupported, answer.error_number, "lease " + name, remedy};
  Warn(bus_, error.Describe());
}

void LibraryAttacher::OnAttached(InodeId inode, Attached library, Time now) {
  bus_.Publish(Topic::kLibraryAttached, LibraryEvent{library.file.name, {}});
  looked_at_.erase(library.file.key);
  library.file.written_since.reset();
  if (!library.leased) TendBy(now + kQuiet);
  Hold(inode, std::move(library), now);
  ++changes_;
}

void LibraryAttacher::Hold(InodeId inode, Held held, Time now) {
  const OpenFile& file =
      std::visit([](const auto& one) -> const OpenFile& { return one.file; }, held);
  if (file.wanted != Wanted::kNamed && IsForeign(file.fd.get())) users_.Add(inode, file.name, now);
  held_.insert_or_assign(inode, std::move(held));
}

void LibraryAttacher::LetGo(HeldFiles::iterator held) {
  users_.Remove(held->first);
  held_.erase(held);
}

/// Whether somebody may want to unmount what the file lies on.
bool LibraryAttacher::IsForeign(int fd) const { return !own_mounts_.contains(MountOf(fd)); }

/// The bus is told of a file's first failure; not of a file that is no library, though it is
/// called like one.
void LibraryAttacher::OnFailure(const FileKey& key, const std::string& name, const Error& error,
                                Time now) {
  if (error.code == Errc::kPrivilege) denied_ = error;
  if (looked_at_.size() >= kMaxFiles) looked_at_.clear();
  if (error.code == Errc::kNotFound) {
    looked_at_.insert_or_assign(key, NotALibrary{});
    return;
  }
  const bool first = looked_at_.insert_or_assign(key, Failed{now + kRetryAfter}).second;
  if (!first) return;
  const std::string reason = error.Describe();
  const milliseconds delay = kRetryAfter;
  bus_.Publish(Topic::kLibraryFailed, LibraryEvent{name, reason});
  bus_.Publish(Topic::kHealthDiagnostics,
               RetryEvent{name, reason, static_cast<std::uint64_t>(delay.count())});
}

void LibraryAttacher::AwaitWriter(InodeId inode, OpenFile file, bool leases, Time now) {
  const auto being_written = std::ranges::count_if(
      held_, [](const auto& held) { return std::holds_alternative<BeingWritten>(held.second); });
  if (static_cast<std::size_t>(being_written) >= kMaxBeingWritten) return users_.Remove(inode);
  file.key = FileKeyOf(file.fd.get()).value_or(file.key);
  const Time since = file.written_since.value_or(now);
  file.written_since = since;
  const Time retry_at = now + (leases ? std::clamp<Time::duration>((now - since) / kRetryLeaseShare,
                                                                   kRetryLease, kRetryAfter)
                                      : kQuiet);
  Hold(inode, BeingWritten{std::move(file), leases, retry_at}, now);
  TendBy(retry_at);
}

void LibraryAttacher::TendBy(Time time) { tend_at_ = std::min(tend_at_.value_or(time), time); }

void LibraryAttacher::Tend(Time now) {
  for (const int fd : guard_.TakeWritten()) {
    const auto held = std::ranges::find_if(held_, [&](const auto& one) {
      const auto* const library = std::get_if<Attached>(&one.second);
      return library != nullptr && library->file.fd.get() == fd;
    });
    if (held != held_.end()) MakeWay(held, now);
  }
  if (!tend_at_ || now < *tend_at_) return;
  tend_at_.reset();
  LookAtTimes(now);
  RetryWritten(now);
}

/// The probes go before the writer comes: what he writes may be executed at once.
void LibraryAttacher::MakeWay(HeldFiles::iterator held, Time now) {
  const InodeId inode = held->first;
  Attached library = std::get<Attached>(std::move(held->second));
  held_.erase(held);
  Detach(library, kWriter);
  OnDetached();
  AwaitWriter(inode, std::move(library.file), library.leased, now);
}

/// Of files without leases: on network file systems inotify does not tell what other hosts write.
void LibraryAttacher::LookAtTimes(Time now) {
  std::vector<InodeId> written;
  for (const auto& [inode, held] : held_) {
    const auto* const library = std::get_if<Attached>(&held);
    if (library == nullptr || library->leased) continue;
    TendBy(now + kQuiet);
    if (FileKeyOf(library->file.fd.get()) != library->file.key) written.push_back(inode);
  }
  for (const InodeId& inode : written) MakeWay(held_.find(inode), now);
}

void LibraryAttacher::RetryWritten(Time now) {
  std::vector<InodeId> due;
  for (auto& [inode, held] : held_) {
    auto* const file = std::get_if<BeingWritten>(&held);
    if (file == nullptr) continue;
    const auto key = FileKeyOf(file->file.fd.get());
    if (now >= file->retry_at && !file->leases && key && *key != file->file.key) {
      file->file.key = *key;
      file->retry_at = now + kQuiet;
    }
    if (now >= file->retry_at)
      due.push_back(inode);
    else
      TendBy(file->retry_at);
  }
  for (const InodeId& inode : due) {
    OpenFile file = std::get<BeingWritten>(std::move(held_.extract(inode).mapped())).file;
    const ProtectionAnswer answer = guard_.Protect(file.fd.get());
    file.key = FileKeyOf(file.fd.get()).value_or(file.key);
    // What went wrong the bus has been told.
    if (!AttachUnder(answer, inode, std::move(file), now)) users_.Remove(inode);
  }
}

void LibraryAttacher::Detach(const Attached& library, std::string_view reason) {
  prober_.DetachLibrary(library.id);
  guard_.Release(library.file.fd.get());
  bus_.Publish(Topic::kLibraryDetached, LibraryEvent{library.file.name, reason});
}

void LibraryAttacher::OnDetached() {
  ++changes_;
  mapped_.ForgetTaken();  // what is mapped again is looked at again
}

// Process `pid` maps the file, which may be no library.
void LibraryAttacher::MarkUsed(const FileIdentity& identity, std::uint32_t pid, Time now) {
  const auto held = FindHeld(identity);
  auto* const library = held == held_.end() ? nullptr : std::get_if<Attached>(&held->second);
  if (library == nullptr) return;
  library->last_used = now;
  if (identity.inode == held->first) users_.Saw(held->first, pid, now);
  if (processes_.Renew(pid, now)) return;
  const std::string comm = CommOf(pid);
  if (comm.empty() || !processes_.Add({pid, comm}, now)) return;
  prober_.NoteUnderWay(pid);
  bus_.Publish(Topic::kProcessDiscovered, ProcessEvent{pid, comm, library->file.name});
}

void LibraryAttacher::Notice(const Mapping& mapping, Time now) {
  // "//anon", "[vdso]": no files. What this process maps is none of its own business.
  if (!mapping.path.starts_with('/') || mapping.path.starts_with("//")) return;
  if (mapping.pid == static_cast<std::uint32_t>(getpid())) return;
  if (const auto known = mapped_.Add(mapping, now)) MarkUsed(*known, mapping.pid, now);
  if (mapped_.full()) static_cast<void>(AttachNoticed(now));
}

bool LibraryAttacher::AttachNoticed(Time now) {
  for (MappedFile& mapped : mapped_.Take(now)) {
    // What went wrong the bus has been told.
    static_cast<void>(AttachIfLibrary({mapped.identity, std::move(mapped.file), mapped.name}, now));
    for (const std::uint32_t pid : mapped.pids) MarkUsed(mapped.identity, pid, now);
  }
  return mapped_.complete();
}

void LibraryAttacher::AttachInstalled(Time now) {
  for (const std::string& path : InstalledLibraries())
    static_cast<void>(AttachPath(path, Wanted::kInstalled, now));
}

void LibraryAttacher::AttachAll(Time now) {
  AttachInstalled(now);
  const std::vector<std::uint32_t> pids = Processes();
  mapped_.FindUnresolved(pids);
  std::size_t looked_at = 0;
  for (const std::uint32_t pid : pids) {
    ForEachMapping(pid, [&](const Mapping& mapping) { Notice(mapping, now); });
    if (++looked_at % kTellEvery != 0) continue;
    PublishProgress(looked_at, pids.size());
    Tend(now);  // nobody waits longer to write for the number of processes
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
  const std::size_t detached = std::erase_if(held_, [&](const auto& held) {
    const auto* const library = std::get_if<Attached>(&held.second);
    if (library == nullptr || library->last_used > unused_since) return false;
    struct stat status {};
    const bool named = fstat(library->file.fd.get(), &status) == 0 && status.st_nlink > 0;
    if (library->file.wanted != Wanted::kMapped && named) return false;
    Detach(*library, kUnused);
    users_.Remove(held.first);
    return true;
  });
  if (detached > 0) OnDetached();
}

bool LibraryAttacher::LetGoOfUnmapped(Time now) {
  users_.Look(now);
  bool complete = true;
  const std::vector<InodeId> unused = users_.UnusedSince(now - kLetGoAfter);
  for (const InodeId& inode : unused) {
    const auto held = held_.find(inode);
    if (const auto* const library = std::get_if<Attached>(&held->second)) {
      // Of one image another container may have processes, and they have lost their probes, too.
      if (library->file.key.device == 0) complete = false;
      Detach(*library, kUnused);
    }
    LetGo(held);
  }
  if (!unused.empty()) OnDetached();
  return complete;
}

void LibraryAttacher::ForgetAll() {
  for (const auto& [inode, held] : held_) {
    if (const auto* const library = std::get_if<Attached>(&held))
      guard_.Release(library->file.fd.get());
  }
  held_.clear();
  users_ = {};
  ++changes_;
}

std::vector<std::string> LibraryAttacher::names() const {
  std::vector<std::string> names;
  for (const auto& [inode, held] : held_) {
    if (const auto* const library = std::get_if<Attached>(&held))
      names.push_back(library->file.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tlscope
