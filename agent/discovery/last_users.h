// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/procfs/file_key.h"
#include "agent/procfs/process_maps.h"

namespace tlscope {

/// Knows of some files when a process was last seen to map each. Reports of mappings do not tell
/// this: what is forked maps what its parent did, and nothing is reported when a mapping ends.
///
/// Of each file it remembers one process that maps it, the witness, and asks that one first: as
/// long as it lives a look costs reading its mappings. Only for a file whose witness is gone
/// another is looked for, among all processes. One thread.
class LastUsers {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// From now on something is to be known of `file`, which is taken to be mapped now; what is known
  /// already stays. `path` is one of its names.
  void Add(InodeId file, std::string_view path, Time now);

  /// Of `file` nothing is to be known any longer.
  void Remove(InodeId file) { files_.erase(file); }

  /// Process `pid` maps `file`, of which nothing needs to be known.
  void Saw(InodeId file, std::uint32_t pid, Time now);

  /// Looks who maps them.
  void Look(Time now);

  /// Those that nobody was seen to map since `time`.
  std::vector<InodeId> UnusedSince(Time time) const;

  bool empty() const { return files_.empty(); }

 private:
  struct Use {
    std::string name;  ///< without its folder
    Time seen;
    std::uint32_t witness = 0;  ///< 0: none is known
  };

  std::set<InodeId> MappedBy(std::uint32_t pid) const;

  std::map<InodeId, Use> files_;
};

}  // namespace tlscope
