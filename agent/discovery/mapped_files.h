// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/procfs/file_key.h"
#include "agent/procfs/process_maps.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// A file that processes map as code, opened (O_PATH) while it could be.
struct MappedFile {
  FileIdentity identity;
  UniqueFd file;
  std::string name;
  std::vector<std::uint32_t> pids;  ///< who maps it, as far as was seen
};

/// Turns mappings, of which a host makes thousands a second, into the few files that are to be
/// looked into: each once a second at most, whoever maps it. One thread.
class MappedFiles {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Takes note of a mapping and opens its file, before the process is gone. Returns which
  /// file it is when Take gave it less than a second ago; it is not opened again.
  std::optional<FileIdentity> Add(const Mapping& mapping, Time now);

  /// Whether so many files are open that it is time to Take them.
  bool full() const;

  /// The files noted since the last call, each of them opened.
  std::vector<MappedFile> Take(Time now);

  /// Looks for files whose process was gone before they were opened through the eyes of `pids`: of
  /// one process of each mount namespace. What is found is there to Take.
  void FindUnresolved(const std::vector<std::uint32_t>& pids);

  /// False while a file that was mapped could not be opened.
  bool complete() const { return unresolved_.empty(); }

  /// What could not be opened until now never will be.
  void ForgetUnresolved() { unresolved_.clear(); }

  /// Every file is to be looked into again when it is mapped again.
  void ForgetTaken() { taken_.clear(); }

 private:
  struct Taken {
    std::uint64_t generation = 0;
    Time at;
    FileIdentity identity;
  };

  struct Open {
    Mapping mapping;  ///< its path points nowhere
    UniqueFd file;
    std::string name;
    std::vector<std::uint32_t> pids;
  };

  struct Unresolved {
    MappedFileId file;
    std::string path;
  };

  bool OpenFile(const Mapping& mapping, std::vector<std::uint32_t> pids);

  std::map<MappedFileId, Taken> taken_;
  std::vector<Open> open_;
  std::vector<Unresolved> unresolved_;
};

}  // namespace tlscope
