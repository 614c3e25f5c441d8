// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "agent/procfs/process_maps.h"
#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// Reports every executable mapping on the host as it is made: PERF_RECORD_MMAP2 of a software
/// dummy event, one per CPU (perf_event_open(2)). One thread.
class MappingWatcher {
 public:
  static Result<std::unique_ptr<MappingWatcher>> Open();
  ~MappingWatcher();
  MappingWatcher(const MappingWatcher&) = delete;
  MappingWatcher& operator=(const MappingWatcher&) = delete;

  /// Descriptors that become readable when there is something to Poll for.
  std::vector<int> fds() const;

  /// Hands over what has been reported; the paths are valid during the call. Returns false when the
  /// kernel dropped reports, so that only a fresh look at every process is complete.
  [[nodiscard]] bool Poll(const std::function<void(const Mapping&)>& on_mapping);

 private:
  struct Cpu {
    UniqueFd fd;
    std::byte* pages = nullptr;  // one control page, then the data
  };

  MappingWatcher() = default;
  Result<void> OpenCpu(int cpu);
  bool Drain(const Cpu& cpu, const std::function<void(const Mapping&)>& on_mapping);

  std::vector<Cpu> cpus_;
  std::vector<std::byte> record_;
};

}  // namespace tlscope
