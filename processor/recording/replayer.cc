// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/replayer.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace tlscope {

// After twice the time in which connections go idle there is nothing left that a tick could do: of
// a pause of hours, or one that a made-up recording only claims, no more ticks are needed.
Replayer::Replayer(EventProcessor& processor, const ProcessorOptions& options, Await await)
    : processor_(processor),
      tick_ns_(std::max<std::uint64_t>(options.tick_ns, 1)),
      most_ticks_(2 * std::uint64_t{options.idle_ticks} + 2),
      await_(std::move(await)) {}

bool Replayer::OnEvent(const Record& event) {
  const std::uint64_t ktime_ns =
      std::visit([](const auto& one) { return one.origin.ktime_ns; }, event);
  if (!Advance(ktime_ns)) return false;
  processor_.OnEvent(event);
  return true;
}

bool Replayer::Advance(std::uint64_t ktime_ns) {
  if (!started_) {
    started_ = true;
    now_ns_ = ticked_ns_ = ktime_ns;
  }
  const bool later = ktime_ns > now_ns_;
  // Events of two CPUs may be a little out of order.
  now_ns_ = std::max(now_ns_, ktime_ns);
  for (std::uint64_t ticks = 0; now_ns_ - ticked_ns_ >= tick_ns_; ++ticks) {
    if (ticks == most_ticks_) ticked_ns_ += (now_ns_ - ticked_ns_) / tick_ns_ * tick_ns_ - tick_ns_;
    ticked_ns_ += tick_ns_;
    if (!Due(ticked_ns_)) return false;
    processor_.Tick(ticked_ns_);
  }
  if (!Due(now_ns_)) return false;
  // A capture looks many times in a tick for streams that pause: what pauses now ended before this
  // event, not at the next tick.
  if (later) processor_.Tick(now_ns_);
  return true;
}

}  // namespace tlscope
