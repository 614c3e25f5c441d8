// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "agent/procfs/process_maps.h"

struct perf_event_mmap_page;

namespace tlscope {

/// The reader of one ring that the kernel writes PERF_RECORD_MMAP2 to (perf_event_open(2), "MMAP
/// layout"): a control page, then data in which records wrap. The kernel moves data_head, this
/// class data_tail, both ever onwards. One thread.
class MappingReports {
 public:
  /// Both borrowed. `data` has a power of two bytes.
  MappingReports(perf_event_mmap_page& control, std::span<const std::byte> data)
      : control_(control), data_(data) {}

  /// Hands over what has been written; the paths are valid during the call. Returns false when the
  /// kernel dropped reports.
  [[nodiscard]] bool Drain(const std::function<void(const Mapping&)>& on_mapping);

 private:
  void CopyOut(std::uint64_t position, std::span<std::byte> out) const;
  Mapping ReadMapping(std::uint64_t position, std::size_t size);

  perf_event_mmap_page& control_;
  std::span<const std::byte> data_;
  std::vector<std::byte> record_;  ///< the latest mapping's
};

}  // namespace tlscope
