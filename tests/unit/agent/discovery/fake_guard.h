// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/eventfd.h>

#include <functional>
#include <set>
#include <vector>

#include "agent/leases/file_guard.h"
#include "processor/base/unique_fd.h"

namespace tlscope::testing {

/// Protects nothing, and answers what the test says.
class FakeGuard final : public FileGuard {
 public:
  int fd() const override { return fd_.get(); }

  ProtectionAnswer Protect(int file) override {
    if (answer.protection != Protection::kRefused) guarded.insert(file);
    return answer;
  }

  void Release(int file) override {
    on_release();
    guarded.erase(file);
    written_.erase(file);
  }

  std::vector<int> TakeWritten() override {
    eventfd_t count = 0;
    eventfd_read(fd_.get(), &count);
    return {written_.begin(), written_.end()};
  }

  /// Somebody wants to write to every file that is guarded now.
  void WriteToAll() {
    written_ = guarded;
    eventfd_write(fd_.get(), 1);
  }

  ProtectionAnswer answer{Protection::kLeased, 0};
  std::set<int> guarded;
  std::function<void()> on_release = [] {};

 private:
  UniqueFd fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::set<int> written_;
};

}  // namespace tlscope::testing
