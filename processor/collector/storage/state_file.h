// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "tlscope/v1/collector_state.pb.h"

namespace tlscope {

/// A small file that always holds the last state written to it, whole, whenever its writer is
/// killed: it has two places with a checksum each, and the older one is written over. Only its
/// owner can read it, and one process at a time has it. One thread.
class StateFile {
 public:
  /// Opens or makes `name` in the folder `folder_fd`, for errors called `path`. Fails as other
  /// outputs do (kUsage: another process has it).
  static Result<StateFile> Open(int folder_fd, const std::string& name, const std::string& path);

  /// What it holds: nothing when it is new. `damaged` is set where something else is in it.
  std::optional<v1::CollectorState> Read(bool& damaged);

  /// Returns once it is on the disk; 0 or an errno. A state that was not written may be what Read
  /// finds all the same.
  int Write(const v1::CollectorState& state);

 private:
  explicit StateFile(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::uint64_t generation_ = 0;  // of the latest
  std::string record_;
};

}  // namespace tlscope
