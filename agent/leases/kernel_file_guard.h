// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "agent/leases/file_guard.h"
#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// Leases of the kernel, and inotify where there are none.
class KernelFileGuard final : public FileGuard {
 public:
  /// Blocks SIGIO in the calling thread and those that it starts from now on: call it first.
  static Result<std::unique_ptr<KernelFileGuard>> Open();

  int fd() const override { return ready_.get(); }
  [[nodiscard]] ProtectionAnswer Protect(int file) override;
  void Release(int file) override;
  [[nodiscard]] std::vector<int> TakeWritten() override;

 private:
  KernelFileGuard() = default;
  Result<void> WaitFor(int fd);
  void ReadWatches();

  UniqueFd signals_;  ///< SIGIO
  UniqueFd inotify_;  ///< empty where the user has too many: files go unwatched
  UniqueFd ready_;    ///< epoll of both
  std::set<int> leased_;
  std::map<int, int> watches_;  ///< watch -> file
  std::set<int> written_;       ///< of the watched
};

}  // namespace tlscope
