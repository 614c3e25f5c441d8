// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

namespace tlscope {

/// How long something will still take, from how far it is and how far it was. One thread.
class EtaEstimator {
 public:
  using Seconds = std::chrono::duration<double>;

  /// Share of the latest second in the smoothed pace.
  static constexpr double kAlpha = 0.2;

  /// After `elapsed` from the beginning, `fraction` (0 to 1) is done. Neither goes back.
  void Add(Seconds elapsed, double fraction);

  /// At the pace so far, from the beginning. Nothing while nothing is done.
  std::optional<Seconds> Linear() const;

  /// At the pace of late: an exponentially weighted moving average over seconds. Nothing in the
  /// first seconds.
  std::optional<Seconds> Smoothed() const;

  /// The better of both.
  std::optional<Seconds> Best() const;

 private:
  Seconds elapsed_{0};
  double fraction_ = 0;
  Seconds sampled_{0};  // when, and how far it was then
  double sampled_fraction_ = 0;
  std::optional<double> pace_;  // smoothed, of the fraction in a second
};

}  // namespace tlscope
