// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "agent/library_attacher.h"
#include "agent/mapping_watcher.h"
#include "agent/stop_signal.h"

namespace tlscope {

/// Attaches to libraries as processes map them, and detaches from those that nobody has mapped for
/// `detach_after` (nullopt: never), until something says stop. Whatever happens on the host, it
/// takes a small share of one CPU.
void WatchLibraries(MappingWatcher& watcher, LibraryAttacher& libraries, const StopSignal& stop,
                    std::optional<std::chrono::milliseconds> detach_after);

}  // namespace tlscope
