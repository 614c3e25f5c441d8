// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "processor/sinks/sink.h"

namespace tlscope {

inline void ExpectBalanced(const SinkStats& stats) {
  EXPECT_EQ(stats.pushed_blocks, stats.written_blocks + stats.dropped_full_blocks +
                                     stats.dropped_failed_blocks + stats.dropped_closed_blocks +
                                     stats.queued_blocks);
  EXPECT_EQ(stats.pushed_bytes, stats.written_bytes + stats.dropped_full_bytes +
                                    stats.dropped_failed_bytes + stats.dropped_closed_bytes +
                                    stats.queued_bytes);
}

/// Closes a sink into which `blocks` blocks were pushed: it has given all of them away.
inline void ExpectAllDelivered(Sink& sink, std::uint64_t blocks) {
  sink.Close();
  const SinkStats stats = sink.stats();
  EXPECT_EQ(stats.pushed_blocks, blocks);
  EXPECT_EQ(stats.written_blocks, blocks);
  ExpectBalanced(stats);
}

}  // namespace tlscope
