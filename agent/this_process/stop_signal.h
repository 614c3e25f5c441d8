// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// Why a capture ends.
enum class StopReason : std::uint8_t { kSignal, kCommand, kOutputClosed, kLimit };

constexpr std::string_view StopReasonName(StopReason reason) {
  switch (reason) {
    case StopReason::kSignal:
      return "signal";
    case StopReason::kCommand:
      return "command";
    case StopReason::kOutputClosed:
      return "output closed";
    case StopReason::kLimit:
      return "limit reached";
  }
  return "";
}

/// What ends a capture, as one descriptor each to poll: SIGINT and SIGTERM, or a call of Raise.
/// SIGPIPE is ignored from here on: a closed pipe is an error of write(2), not a death.
class StopSignal {
 public:
  /// Call before any thread is started, so that all of them inherit the blocked signals.
  static Result<StopSignal> Open();

  int signal_fd() const { return signal_fd_.get(); }
  int raised_fd() const { return raised_fd_.get(); }

  /// Any thread.
  void Raise(StopReason reason) const noexcept;

  /// Why it was raised, first; kSignal when it was not.
  StopReason reason() const { return reason_->load(std::memory_order_relaxed); }

  /// A second SIGINT or SIGTERM kills again: for a user who does not want to wait for the rest.
  void RestoreDefault() const noexcept;

 private:
  StopSignal() = default;
  UniqueFd signal_fd_;
  UniqueFd raised_fd_;
  std::unique_ptr<std::atomic<StopReason>> reason_ =
      std::make_unique<std::atomic<StopReason>>(StopReason::kSignal);
};

}  // namespace tlscope
