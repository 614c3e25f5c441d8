// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/discovery/last_users.h"
#include "agent/discovery/mapped_files.h"
#include "agent/discovery/process_roster.h"
#include "agent/leases/file_guard.h"
#include "agent/probes/prober.h"
#include "agent/procfs/file_key.h"
#include "agent/procfs/process_maps.h"
#include "processor/base/unique_fd.h"
#include "processor/bus/event_bus.h"

namespace tlscope {

/// Attaches to each file with OpenSSL or BoringSSL in it once, however many names, processes and
/// mount namespaces show it: a uprobe sits on an inode and serves every process that maps it. Looks
/// into each file once. Says on the bus what came of it.
///
/// A file is guarded from before it is looked into until its probes are gone, so that they are
/// where they were found to belong. What is known of a file, and what happens when it shows up
/// again:
///
///   state         came by                   when it shows up again        ends by
///   (unknown)                               is guarded, looked into and
///                                           attached to, if it can be
///   NotALibrary   no function that          nothing: written over, a      room for others
///                 carries data is in it     file has another key
///   Failed        anything else that went   nothing before `retry_at`,    success, or room for
///                 wrong                     then as if it were unknown    others
///   BeingWritten  somebody has it open for  nothing                       Tend: nobody has any
///                 writing, or wrote to it                                 longer, it is unknown;
///                                                                         LetGoOfUnmapped
///   Attached      the probes are there      was used now                  Tend: somebody wants to
///                                                                         write, BeingWritten;
///                                                                         DetachUnused,
///                                                                         LetGoOfUnmapped
///
/// The last two keep the file open, and so its mount busy. Files on mounts that others may want to
/// unmount (all but those that this process needs to run) are let go by LetGoOfUnmapped.
class LibraryAttacher {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// All are borrowed and outlive this object.
  LibraryAttacher(Prober& prober, FileGuard& guard, EventBus& bus);

  /// Attaches to the file at `path`, unless that was done or tried before, and keeps to it as long
  /// as it has a name. kNotFound, which the bus is not told of: OpenSSL is not in it.
  Result<void> Attach(const std::string& path, Time now);

  /// Attaches to every libssl that is installed, and to every file that a process maps now. Forgets
  /// the processes that map none of them any longer.
  void AttachAll(Time now);

  /// Takes note of a file that a process has just mapped: opens it, before the process is gone.
  void Notice(const Mapping& mapping, Time now);

  /// Looks into the files noticed, and attaches to those that are libraries. Returns false when
  /// one of them could not be opened, so that AttachAll may find what this missed.
  [[nodiscard]] bool AttachNoticed(Time now);

  /// Becomes readable when somebody wants to write to a file that is attached to: Tend then.
  int fd() const { return guard_.fd(); }

  /// Makes way for those who want to write to files, and comes back to those that are written.
  void Tend(Time now);

  /// When to Tend next, whatever fd() says; nullopt: no need to.
  std::optional<Time> tend_at() const { return tend_at_; }

  /// Detaches from what nobody was seen to map since `unused_since`, except for libraries that lie
  /// where others will find them.
  void DetachUnused(Time unused_since);

  /// Whether LetGoOfUnmapped has something to do, now and again.
  bool on_foreign_mounts() const { return !users_.empty(); }

  /// Looks who maps the files on mounts that may be unmounted, and detaches from those that nobody
  /// has mapped for a second. Returns false when only a look at every process finds who maps the
  /// like of them on another mount.
  [[nodiscard]] bool LetGoOfUnmapped(Time now);

  /// Lets go of every file: their probes are gone.
  void ForgetAll();

  std::size_t attached() const { return names().size(); }

  /// What the libraries attached to are called, in order.
  std::vector<std::string> names() const;

  /// Who maps them, as far as was seen: whoever has ended since the last AttachAll is among them.
  /// The bus is told of each when it is found.
  const ProcessRoster& processes() const { return processes_; }

  /// Another number whenever names() or processes() is different.
  std::uint64_t version() const { return changes_ + processes_.version(); }

  /// What the kernel said where it did not let this process attach to a library.
  const std::optional<Error>& denied() const { return denied_; }

 private:
  /// Why a file is attached to; a later one holds longer.
  enum class Wanted : std::uint8_t { kMapped, kInstalled, kNamed };

  struct NotALibrary {};
  struct Failed {
    Time retry_at;
  };
  using LookedAt = std::variant<NotALibrary, Failed>;

  /// A file that is open: while it is, its inode is not another's.
  struct OpenFile {
    UniqueFd fd;
    FileKey key;
    std::string name;
    Wanted wanted = Wanted::kMapped;
    std::optional<Time> written_since = {};  ///< while it is BeingWritten, as far as is known
  };
  struct BeingWritten {
    OpenFile file;
    bool leases;  ///< whether a lease will tell when the writer is gone
    Time retry_at;
  };
  struct Attached {
    OpenFile file;
    LibraryId id;
    bool leased;
    Time last_used;
  };
  using Held = std::variant<BeingWritten, Attached>;
  using HeldFiles = std::map<InodeId, Held>;

  struct Candidate {
    FileIdentity identity;
    UniqueFd file;  ///< O_PATH will do
    std::string name;
    Wanted wanted = Wanted::kMapped;
  };

  Result<void> AttachPath(const std::string& path, Wanted wanted, Time now);
  Result<void> AttachIfLibrary(Candidate candidate, Time now);
  bool IsHeld(const Candidate& candidate, Time now);
  bool IsSettled(const FileKey& key, Time now) const;
  Result<void> AttachGuarded(const Candidate& candidate, Time now);
  Result<void> AttachUnder(const ProtectionAnswer& answer, InodeId inode, OpenFile file, Time now);
  void WarnOfNoLease(const std::string& name, const ProtectionAnswer& answer);
  void OnAttached(InodeId inode, Attached library, Time now);
  void OnFailure(const FileKey& key, const std::string& name, const Error& error, Time now);
  void Hold(InodeId inode, Held held, Time now);
  void LetGo(HeldFiles::iterator held);
  void AwaitWriter(InodeId inode, OpenFile file, bool leases, Time now);
  HeldFiles::iterator FindHeld(const FileIdentity& identity);
  void MakeWay(HeldFiles::iterator held, Time now);
  void RetryWritten(Time now);
  void LookAtTimes(Time now);
  void TendBy(Time time);
  void Detach(const Attached& library, std::string_view reason);
  void OnDetached();
  bool IsForeign(int fd) const;
  void PublishProgress(std::size_t looked_at, std::size_t processes);
  void AttachInstalled(Time now);
  void MarkUsed(const FileIdentity& identity, std::uint32_t pid, Time now);

  Prober& prober_;
  FileGuard& guard_;
  EventBus& bus_;
  const MountIds own_mounts_;
  std::optional<FileIdentity> own_program_;  ///< never attached to
  std::map<FileKey, LookedAt> looked_at_;
  HeldFiles held_;
  LastUsers users_;  ///< of what is held on foreign mounts
  std::optional<Time> tend_at_;
  std::set<dev_t> unleased_;  ///< file systems that the user was warned of
  MappedFiles mapped_;
  std::optional<Error> denied_;
  ProcessRoster processes_;
  std::uint64_t changes_ = 0;  ///< of what is attached to
};

}  // namespace tlscope
