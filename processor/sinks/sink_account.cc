// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/sink_account.h"

#include <utility>

namespace tlscope {

void SinkAccount::Taken(std::uint64_t bytes) {
  ++stats_.pushed_blocks;
  stats_.pushed_bytes += bytes;
  ++stats_.queued_blocks;
  stats_.queued_bytes += bytes;
}

void SinkAccount::RefusedFull(std::uint64_t bytes) {
  ++stats_.pushed_blocks;
  stats_.pushed_bytes += bytes;
  ++stats_.dropped_full_blocks;
  stats_.dropped_full_bytes += bytes;
  ++refused_.blocks;
  refused_.bytes += bytes;
}

void SinkAccount::RefusedClosed(std::uint64_t bytes) {
  ++stats_.pushed_blocks;
  stats_.pushed_bytes += bytes;
  ++stats_.dropped_closed_blocks;
  stats_.dropped_closed_bytes += bytes;
}

void SinkAccount::Settle(Fate fate, Count count) {
  stats_.queued_blocks -= count.blocks;
  stats_.queued_bytes -= count.bytes;
  switch (fate) {
    case Fate::kAcknowledged:
      stats_.acknowledged_blocks += count.blocks;
      stats_.acknowledged_bytes += count.bytes;
      [[fallthrough]];
    case Fate::kWritten:
      stats_.written_blocks += count.blocks;
      stats_.written_bytes += count.bytes;
      return;
    case Fate::kDroppedFull:
      stats_.dropped_full_blocks += count.blocks;
      stats_.dropped_full_bytes += count.bytes;
      return;
    case Fate::kUnconfirmed:
      stats_.unconfirmed_blocks += count.blocks;
      stats_.unconfirmed_bytes += count.bytes;
      [[fallthrough]];
    case Fate::kDroppedFailed:
      stats_.dropped_failed_blocks += count.blocks;
      stats_.dropped_failed_bytes += count.bytes;
      return;
  }
}

SinkAccount::Count SinkAccount::TakeRefused() { return std::exchange(refused_, {}); }

std::string SinkAccount::TakeMarker(const DropMarker& marker) {
  const Count refused = TakeRefused();
  return refused.blocks != 0 && marker ? marker(refused.blocks, refused.bytes) : std::string();
}

}  // namespace tlscope
