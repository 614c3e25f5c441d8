// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <unordered_set>

#include "processor/events/kernel_records.h"

namespace tlscope {

/// Lets the first calls through, so many of them, each with all of its pieces, however the pieces
/// of several threads come between each other. One thread.
class CallLimit {
 public:
  /// `most`: 0 for any number.
  explicit CallLimit(std::uint64_t most) : most_(most) {}

  /// Whether a piece is of a call that is let through.
  bool Admit(const SSLDataEvent& piece);

  /// Calls let through, those included of which pieces may still come.
  std::uint64_t calls() const { return calls_; }

  /// As many as there may be, and all their pieces have come.
  bool complete() const { return full() && under_way_.empty(); }

  /// Likewise, or at least there was one more: the last piece of a call may be lost.
  bool over() const { return complete() || refused_; }

 private:
  bool full() const { return most_ != 0 && calls_ == most_; }

  const std::uint64_t most_;
  std::uint64_t calls_ = 0;
  bool refused_ = false;
  // Threads in calls that are let through: the pieces of a call are of one thread, one after the
  // other.
  std::unordered_set<std::uint32_t> under_way_;
};

}  // namespace tlscope
