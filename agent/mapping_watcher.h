// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/unique_fd.h"
#include "processor/result.h"

namespace tlscope {

/// A process mapped a file as code.
struct NewMapping {
  std::uint32_t pid;
  std::string_view path;  ///< as the process sees it; valid during the call
};

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

  /// Hands over what has been reported. Returns false when the kernel dropped reports, so that
  /// only a fresh look at every process is complete.
  [[nodiscard]] bool Poll(const std::function<void(const NewMapping&)>& on_mapping);

 private:
  struct Cpu {
    UniqueFd fd;
    std::byte* pages = nullptr;  // one control page, then the data
  };

  MappingWatcher() = default;
  Result<void> OpenCpu(int cpu);
  bool Drain(const Cpu& cpu, const std::function<void(const NewMapping&)>& on_mapping);

  std::vector<Cpu> cpus_;
  std::vector<std::byte> record_;
};

}  // namespace tlscope
