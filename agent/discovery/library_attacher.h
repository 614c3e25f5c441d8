// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/discovery/mapped_files.h"
#include "agent/discovery/process_roster.h"
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
/// What is known of a file, and what happens when it shows up again:
///
///   state        came by                  when it shows up again         ends by
///   (unknown)                             is attached to, if it can be
///   NotALibrary  no function that         nothing: written over, a file  room for others
///                carries data is in it    has another key
///   Failed       anything else that went  nothing before `retry_at`,     success, or room for
///                wrong                    then as if it were unknown     others
///   Attached     the probes are there     was used now                   DetachUnused; another
///                                                                        key of the same inode
class LibraryAttacher {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Both are borrowed and outlive this object.
  LibraryAttacher(Prober& prober, EventBus& bus);

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

  /// Detaches from what nobody was seen to map since `unused_since`, except for libraries that lie
  /// where others will find them.
  void DetachUnused(Time unused_since);

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
  struct NotALibrary {};
  struct Failed {
    Time retry_at;
  };
  struct Attached {
    LibraryId id;
    UniqueFd file;  ///< keeps the inode from being reused
    std::string name;
    bool installed;
    Time last_used;
  };
  using FileState = std::variant<NotALibrary, Failed, Attached>;

  Result<void> AttachIfLibrary(const FileKey& key, UniqueFd file, const std::string& name,
                               bool installed, Time now);
  bool IsSettled(FileState& state, bool installed, Time now);
  void OnAttached(const FileKey& key, Attached library);
  void OnFailure(const FileKey& key, const std::string& name, const Error& error, Time now);
  void DetachReplaced(const FileKey& key);
  void PublishProgress(std::size_t looked_at, std::size_t processes);
  void AttachInstalled(Time now);
  void MarkUsed(const FileKey& key, std::uint32_t pid, Time now);

  Prober& prober_;
  EventBus& bus_;
  std::optional<FileKey> own_program_;  ///< never attached to
  std::map<FileKey, FileState> files_;
  MappedFiles mapped_;
  std::optional<Error> denied_;
  ProcessRoster processes_;
  std::uint64_t changes_ = 0;  ///< of what is attached to
};

}  // namespace tlscope
