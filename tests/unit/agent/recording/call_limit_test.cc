// SPDX-License-Identifier: Apache-2.0
#include "agent/recording/call_limit.h"

#include <gtest/gtest.h>

#include <string_view>

namespace tlscope {
namespace {

/// A piece of `data` at `offset` of a call of `call_bytes` bytes.
SSLDataEvent Piece(std::uint32_t tid, std::uint64_t offset, std::uint64_t call_bytes,
                   std::string_view data = "piece") {
  SSLDataEvent event;
  event.origin.tid = tid;
  event.chunk_offset = offset;
  event.call_bytes = call_bytes;
  event.data = data;
  return event;
}

TEST(CallLimitTest, LetsAnyNumberThroughWithoutALimit) {
  CallLimit limit(0);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limit.Admit(Piece(1, 0, 5)));
  EXPECT_EQ(limit.calls(), 100U);
  EXPECT_FALSE(limit.over());
}

TEST(CallLimitTest, IsOverWhenTheLastCallIsComplete) {
  CallLimit limit(2);
  EXPECT_TRUE(limit.Admit(Piece(1, 0, 5)));
  EXPECT_FALSE(limit.over());
  EXPECT_TRUE(limit.Admit(Piece(1, 0, 10)));
  EXPECT_FALSE(limit.over());
  EXPECT_TRUE(limit.Admit(Piece(1, 5, 10)));
  EXPECT_TRUE(limit.complete());
  EXPECT_FALSE(limit.Admit(Piece(1, 0, 5)));
  EXPECT_FALSE(limit.Admit(Piece(2, 5, 10))) << "of a call whose beginning was not let through";
  EXPECT_EQ(limit.calls(), 2U);
}

TEST(CallLimitTest, CutsNoCallThatAnotherThreadsCallsInterrupt) {
  CallLimit limit(2);
  EXPECT_TRUE(limit.Admit(Piece(1, 0, 15)));
  EXPECT_TRUE(limit.Admit(Piece(2, 0, 10)));
  EXPECT_TRUE(limit.Admit(Piece(1, 5, 15)));
  EXPECT_TRUE(limit.Admit(Piece(2, 5, 10)));
  EXPECT_FALSE(limit.over()) << "the first call goes on";
  EXPECT_FALSE(limit.Admit(Piece(3, 0, 10)));
  EXPECT_FALSE(limit.Admit(Piece(3, 5, 10)));
  EXPECT_TRUE(limit.Admit(Piece(1, 10, 15)));
  EXPECT_TRUE(limit.complete());
}

TEST(CallLimitTest, IsOverWhenACallTooManyComesThoughTheLastPieceNeverDoes) {
  CallLimit limit(1);
  EXPECT_TRUE(limit.Admit(Piece(1, 0, 10)));
  EXPECT_FALSE(limit.Admit(Piece(2, 0, 5)));
  EXPECT_FALSE(limit.complete());
  EXPECT_TRUE(limit.over());
  EXPECT_FALSE(limit.Admit(Piece(1, 0, 5))) << "the same thread's next call";
  EXPECT_TRUE(limit.complete());
}

TEST(CallLimitTest, ACallEndsWhereItsRestIsLeftOut) {
  CallLimit limit(1);
  SSLDataEvent cut = Piece(1, 0, 100);
  cut.ends_call = true;
  EXPECT_TRUE(limit.Admit(cut));
  EXPECT_TRUE(limit.complete());
}

}  // namespace
}  // namespace tlscope
