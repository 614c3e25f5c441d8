// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/tlscope_abi.h"
#include "processor/base/result.h"

struct bpf_map;

namespace tlscope {

/// The kernel's table of what programs have to know of the instructions that they run at, and who
/// has which of its rows. A row's number is the attach cookie of the probe it is for. One thread.
class PointTable {
 public:
  using Row = std::uint32_t;

  /// Fills in the row for probes whose programs cannot be told where they run
  /// (TLSCOPE_POINT_UNTOLD). The map is borrowed.
  static Result<PointTable> Make(const bpf_map* map);

  /// A row for the point; kSystem when none is free.
  Result<Row> Add(const tlscope_point& point);

  /// Of a probe that is detached.
  void Remove(Row row) { free_.push_back(row); }

 private:
  explicit PointTable(const bpf_map* map) : map_(map) {}
  Result<void> Store(Row row, const tlscope_point& point);

  const bpf_map* map_;
  std::vector<Row> free_;
  Row unused_ = TLSCOPE_POINT_UNTOLD + 1;  ///< and all that follow
};

}  // namespace tlscope
