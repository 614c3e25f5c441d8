// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "agent/discovery/library_attacher.h"
#include "agent/discovery/look_schedule.h"
#include "agent/discovery/mapping_watcher.h"
#include "agent/this_process/stop_signal.h"

namespace tlscope {

/// A descriptor that is polled besides, and what is done when it is readable.
struct PolledDescriptor {
  int fd;
  std::function<void()> on_readable;
};

/// Where a watch takes its times from.
struct WatchClocks {
  std::function<LookSchedule::Time()> now;
  /// What the calling thread has had of a CPU.
  std::function<LookSchedule::Duration()> cpu_time;

  static WatchClocks OfThisHost();
};

struct WatchOptions {
  /// For how long nobody may have mapped a library that is to be left; nullopt: never. Asked before
  /// each look at all processes, and after each on_readable.
  std::function<LookSchedule::DetachAfter()> detach_after;
  std::vector<PolledDescriptor> others;
  /// Called at the beginning and whenever the libraries or their processes are different.
  std::function<void()> on_change;
  WatchClocks clocks = WatchClocks::OfThisHost();
};

/// Attaches to libraries as processes map them, and detaches from those that nobody has mapped for
/// long, until something says stop. Whatever happens on the host, it takes a small share of one
/// CPU. Everything in the options is called by this thread.
void WatchLibraries(MappingSource& mappings, LibraryAttacher& libraries, const StopSignal& stop,
                    const WatchOptions& options);

}  // namespace tlscope
