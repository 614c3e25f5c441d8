// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/unique_fd.h"
#include "processor/result.h"

namespace tlscope {

/// What ends a capture, as one descriptor each to poll: SIGINT and SIGTERM, or a call of Raise.
/// SIGPIPE is ignored from here on: a closed pipe is an error of write(2), not a death.
class StopSignal {
 public:
  /// Call before any thread is started, so that all of them inherit the blocked signals.
  static Result<StopSignal> Open();

  int signal_fd() const { return signal_fd_.get(); }
  int raised_fd() const { return raised_fd_.get(); }

  /// Any thread.
  void Raise() const noexcept;

  /// A second SIGINT or SIGTERM kills again: for a user who does not want to wait for the rest.
  void RestoreDefault() const noexcept;

 private:
  StopSignal() = default;
  UniqueFd signal_fd_;
  UniqueFd raised_fd_;
};

}  // namespace tlscope
