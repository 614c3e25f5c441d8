// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/point_table.h"

#include <bpf/libbpf.h>

namespace tlscope {

Result<PointTable> PointTable::Make(const bpf_map* map) {
  PointTable table(map);
  // Such probes stand where the frame is gone, with the result in rax (PointSupport::kNone).
  tlscope_point untold{};
  untold.flags = TLSCOPE_POINT_BOTH_WAYS;
  untold.result.kind = TLSCOPE_PLACE_REGISTER;
  TLSCOPE_TRY(table.Store(TLSCOPE_POINT_UNTOLD, untold));
  return table;
}

Result<PointTable::Row> PointTable::Add(const tlscope_point& point) {
  Row row = unused_;
  if (!free_.empty()) {
    row = free_.back();
  } else if (unused_ == TLSCOPE_POINTS) {
    return Fail(Errc::kSystem, 0, "describe a probe to the kernel",
                "so many libraries cannot be attached to at a time; select some with --libssl");
  }
  TLSCOPE_TRY(Store(row, point));
  if (free_.empty())
    ++unused_;
  else
    free_.pop_back();
  return row;
}

Result<void> PointTable::Store(Row row, const tlscope_point& point) {
  const int result = bpf_map__update_elem(map_, &row, sizeof row, &point, sizeof point, BPF_ANY);
  if (result != 0) return Fail(Errc::kSystem, -result, "describe a probe to the kernel");
  return {};
}

}  // namespace tlscope
