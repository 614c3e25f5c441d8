// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "processor/connections/event_processor.h"
#include "processor/events/decoder.h"

namespace tlscope {

/// Gives recorded events to a processor, whose clock is theirs: what comes out does not depend on
/// how fast they are given. One thread.
class Replayer {
 public:
  /// Called before anything that happens at `ktime_ns` of the recording, in order; false: stop.
  /// Lets the caller wait until it is due.
  using Await = std::function<bool(std::uint64_t ktime_ns)>;

  /// `processor` is borrowed and outlives it. `options` are the processor's.
  Replayer(EventProcessor& processor, const ProcessorOptions& options, Await await = {});

  /// False when told to stop before.
  bool OnEvent(const Record& event);

  /// Ends every connection, so that all that is held comes out.
  void Close() { processor_.Close(now_ns_); }

 private:
  bool Advance(std::uint64_t ktime_ns);
  bool Due(std::uint64_t ktime_ns) const { return !await_ || await_(ktime_ns); }

  EventProcessor& processor_;
  const std::uint64_t tick_ns_;
  const std::uint64_t most_ticks_;
  const Await await_;
  bool started_ = false;
  std::uint64_t now_ns_ = 0;
  std::uint64_t ticked_ns_ = 0;  // when the last tick was
};

}  // namespace tlscope
