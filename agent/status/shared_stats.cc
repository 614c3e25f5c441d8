// SPDX-License-Identifier: Apache-2.0
#include "agent/status/shared_stats.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tlscope {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;

}  // namespace

std::uint64_t MessagesOf(const ProcessorStats& stats) {
  return std::accumulate(stats.messages.begin(), stats.messages.end(), std::uint64_t{0});
}

void SharedStats::PublishProcessor(const ProcessorStats& stats, std::uint64_t ktime_ns) noexcept {
  const std::unique_lock lock(processor_mutex_, std::try_to_lock);
  if (!lock) return;
  processor_ = stats;
  latest_ = {ktime_ns, MessagesOf(stats), stats.data_bytes};
  const Sample& newest = samples_[(samples_taken_ + kRateSeconds - 1) % kRateSeconds];
  if (samples_taken_ != 0 && ktime_ns < newest.ktime_ns + kSecondNs) return;
  samples_[samples_taken_ % kRateSeconds] = latest_;
  ++samples_taken_;
}

void SharedStats::PublishAttached(std::vector<std::string> libraries,
                                  std::vector<SeenProcess> processes) {
  const std::lock_guard lock(attached_mutex_);
  libraries_ = std::move(libraries);
  processes_ = std::move(processes);
}

void SharedStats::PublishClients(const ClientCounts& clients) {
  const std::lock_guard lock(attached_mutex_);
  clients_ = clients;
}

ClientCounts SharedStats::clients() const {
  const std::lock_guard lock(attached_mutex_);
  return clients_;
}

ProcessorStats SharedStats::processor() const {
  const std::lock_guard lock(processor_mutex_);
  return processor_;
}

TrafficRates SharedStats::rates() const {
  const std::lock_guard lock(processor_mutex_);
  const std::size_t kept = std::min(samples_taken_, kRateSeconds);
  const Sample& oldest = samples_[(samples_taken_ - kept) % kRateSeconds];
  // Over less than a second a rate says nothing.
  if (kept == 0 || latest_.ktime_ns < oldest.ktime_ns + kSecondNs) return {};
  const double seconds = static_cast<double>(latest_.ktime_ns - oldest.ktime_ns) / 1e9;
  return {static_cast<double>(latest_.messages - oldest.messages) / seconds,
          static_cast<double>(latest_.bytes - oldest.bytes) / seconds};
}

std::vector<std::string> SharedStats::libraries() const {
  const std::lock_guard lock(attached_mutex_);
  return libraries_;
}

std::vector<SeenProcess> SharedStats::processes() const {
  const std::lock_guard lock(attached_mutex_);
  return processes_;
}

}  // namespace tlscope
