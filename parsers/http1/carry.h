// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "parsers/core/byte_budget.h"

namespace tlscope::http1 {

/// What a step made of the bytes it was given: it is done with `consumed` of them. `waiting`: it
/// wants the others again, with more behind them.
struct Step {
  std::size_t consumed;
  bool waiting;
};

/// Carries the bytes that no step is done with, part of a head or of a line, from one call to the
/// next, and knows when the first of them came. What is carried is in the budget from Settle on.
class Carry {
 public:
  /// `budget` must outlive this.
  explicit Carry(ByteBudget& budget) : budget_(budget) {}
  ~Carry() { Drop(); }
  Carry(const Carry&) = delete;
  Carry& operator=(const Carry&) = delete;

  /// Gives `step` what is carried and `bytes` behind it, again and again from the first byte that
  /// is not consumed on, until nothing is left or it waits. What is left then is carried.
  /// `step(bytes, ktime_ns)` returns a Step; `ktime_ns` is when the first of its bytes came. It may
  /// not call this object.
  template <class StepFunction>
  void Feed(std::string_view bytes, std::uint64_t ktime_ns, StepFunction&& step);

  /// Gives `step` what is carried once more, for it to decide without more bytes. The budget has
  /// back what it consumed.
  template <class StepFunction>
  void Replay(StepFunction&& step);

  /// Takes what is carried from the budget and gives back what no longer is. False when the budget
  /// refuses: the bytes are still here, uncounted, for the caller to do away with.
  [[nodiscard]] bool Settle();

  /// What is carried, for the caller to keep.
  std::string Take();
  void Drop();

  bool empty() const { return bytes_.empty(); }
  std::string_view bytes() const { return bytes_; }
  /// When the first of bytes() came.
  std::uint64_t ktime_ns() const { return ktime_ns_; }

 private:
  // New bytes are joined to carried ones in slices of this size, so that a large call after a split
  // head is not copied whole.
  static constexpr std::size_t kSliceBytes = 4096;
  // An idle connection keeps no larger buffer than this.
  static constexpr std::size_t kIdleBytes = 512;

  /// How much of `bytes`, of which the first `old_bytes` came at ktime_ns_, the steps consumed.
  template <class StepFunction>
  std::size_t Run(std::string_view bytes, std::size_t old_bytes, std::uint64_t ktime_ns,
                  StepFunction& step);

  ByteBudget& budget_;
  std::string bytes_;
  std::uint64_t ktime_ns_ = 0;
  std::uint64_t taken_bytes_ = 0;  ///< from the budget
};

template <class StepFunction>
std::size_t Carry::Run(std::string_view bytes, std::size_t old_bytes, std::uint64_t ktime_ns,
                       StepFunction& step) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const Step result = step(bytes.substr(done), done < old_bytes ? ktime_ns_ : ktime_ns);
    done += result.consumed;
    if (result.waiting) break;
  }
  return done;
}

template <class StepFunction>
void Carry::Feed(std::string_view bytes, std::uint64_t ktime_ns, StepFunction&& step) {
  while (!bytes.empty() && !bytes_.empty()) {
    const std::size_t old_bytes = bytes_.size();
    bytes_ += bytes.substr(0, kSliceBytes);
    bytes.remove_prefix(std::min(bytes.size(), kSliceBytes));
    const std::size_t done = Run(bytes_, old_bytes, ktime_ns, step);
    if (done >= old_bytes) ktime_ns_ = ktime_ns;
    bytes_.erase(0, done);
    if (bytes_.empty() && bytes_.capacity() > kIdleBytes) std::string().swap(bytes_);
  }
  if (bytes.empty()) return;
  bytes.remove_prefix(Run(bytes, 0, ktime_ns, step));
  bytes_ = bytes;
  ktime_ns_ = ktime_ns;
}

template <class StepFunction>
void Carry::Replay(StepFunction&& step) {
  bytes_.erase(0, Run(bytes_, bytes_.size(), ktime_ns_, step));
  const std::uint64_t kept_bytes = std::min<std::uint64_t>(taken_bytes_, bytes_.size());
  budget_.Give(std::exchange(taken_bytes_, kept_bytes) - kept_bytes);
}

}  // namespace tlscope::http1
