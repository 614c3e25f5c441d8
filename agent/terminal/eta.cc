// SPDX-License-Identifier: Apache-2.0
#include "agent/terminal/eta.h"

namespace tlscope {
namespace {

constexpr EtaEstimator::Seconds kSampleEvery{1};

}  // namespace

void EtaEstimator::Add(Seconds elapsed, double fraction) {
  elapsed_ = elapsed;
  fraction_ = fraction;
  const Seconds since = elapsed - sampled_;
  if (since < kSampleEvery) return;
  const double pace = (fraction - sampled_fraction_) / since.count();
  pace_ = pace_ ? kAlpha * pace + (1 - kAlpha) * *pace_ : pace;
  sampled_ = elapsed;
  sampled_fraction_ = fraction;
}

std::optional<EtaEstimator::Seconds> EtaEstimator::Linear() const {
  if (fraction_ <= 0 || elapsed_ <= Seconds{0}) return std::nullopt;
  return elapsed_ * ((1 - fraction_) / fraction_);
}

std::optional<EtaEstimator::Seconds> EtaEstimator::Smoothed() const {
  if (!pace_ || *pace_ <= 0) return std::nullopt;
  return Seconds{(1 - fraction_) / *pace_};
}

std::optional<EtaEstimator::Seconds> EtaEstimator::Best() const {
  const auto smoothed = Smoothed();
  return smoothed ? smoothed : Linear();
}

}  // namespace tlscope
