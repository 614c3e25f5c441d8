// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "agent/discovery/cpu_changes.h"
#include "agent/discovery/mapping_reports.h"
#include "agent/procfs/process_maps.h"
#include "processor/base/result.h"
#include "processor/base/unique_fd.h"

namespace tlscope {

/// Tells of executable mappings as they are made. One thread.
class MappingSource {
 public:
  virtual ~MappingSource() = default;

  /// Descriptors that become readable when there is something to Poll for; others after a Poll.
  virtual std::vector<int> fds() const = 0;

  /// Hands over what has been reported; the paths are valid during the call. Returns false when
  /// reports were dropped, so that only a fresh look at every process is complete.
  [[nodiscard]] virtual bool Poll(const std::function<void(const Mapping&)>& on_mapping) = 0;
};

/// Reports every executable mapping on the host: PERF_RECORD_MMAP2 of a software dummy event, one
/// per CPU (perf_event_open(2)). The event of a CPU that goes offline reports nothing any longer,
/// not even when that comes back, so that it is made anew.
class MappingWatcher final : public MappingSource {
 public:
  static Result<std::unique_ptr<MappingWatcher>> Open();
  std::vector<int> fds() const override;
  [[nodiscard]] bool Poll(const std::function<void(const Mapping&)>& on_mapping) override;

 private:
  struct Unmap {
    void operator()(void* pages) const noexcept;
  };
  struct Cpu {
    UniqueFd fd;
    std::unique_ptr<void, Unmap> pages;  ///< one control page, then the data
    std::unique_ptr<MappingReports> reports;
  };

  MappingWatcher() = default;
  Result<void> OpenCpu(int cpu);
  void CloseDead();
  bool FollowChanges();

  std::map<int, Cpu> cpus_;  ///< those online, by number
  CpuChanges changes_;
};

}  // namespace tlscope
