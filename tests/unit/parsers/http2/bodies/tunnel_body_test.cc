// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/bodies/tunnel_body.h"

#include "tests/unit/parsers/http2/bodies/body_testing.h"

namespace tlscope::http2 {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

using Tunnel = BodyUnderTest<TunnelBody>;

TEST(TunnelBodyTest, TheHeadLeavesAtOnceAndDataWithEachFrame) {
  Tunnel stream(kKtime);
  EXPECT_EQ(stream.SoFar(), (std::vector<Told>{{"", 1}}));
  stream.Frame("up");
  stream.Frame("");
  EXPECT_EQ(stream.SoFar(), (std::vector<Told>{{"", 1}, {"up", 2, false, true, 2}}));
  EXPECT_EQ(stream.End(),
            (std::vector<Told>{{"", 1}, {"up", 2, false, true, 2}, {"", 3, true, true, 2}}));
}

TEST(TunnelBodyTest, CountsOfEachPartItsOwnBytesAndOfTheLastAll) {
  Tunnel stream(kKtime);
  stream.Frame("four");
  stream.Frame("two");
  stream.Data("end");
  EXPECT_EQ(stream.End(), (std::vector<Told>{{"", 1},
                                             {"four", 2, false, true, 4},
                                             {"two", 3, false, true, 3},
                                             {"end", 4, true, true, 10}}));
}

TEST(TunnelBodyTest, HoldsNoMoreThanAPartOfALongFrameHoweverItIsCut) {
  const std::string bytes(3 * TunnelBody::kPartBytes + 5, 'x');
  for (const std::size_t grain : {std::size_t{977}, TunnelBody::kPartBytes, bytes.size()}) {
    SCOPED_TRACE(grain);
    Tunnel stream(kKtime);
    for (std::size_t at = 0; at < bytes.size(); at += grain) {
      stream.Data(std::string_view(bytes).substr(at, grain));
      ASSERT_LE(stream.message.held_bytes(), 2 * TunnelBody::kPartBytes);
    }
    stream.body->OnFrameEnd(kKtime);
    const std::vector<Told> told = stream.End();
    ASSERT_EQ(told.size(), 6U);
    for (std::size_t i = 1; i <= 3; ++i) {
      EXPECT_EQ(told[i].body.size(), TunnelBody::kPartBytes);
      EXPECT_EQ(told[i].content_bytes, TunnelBody::kPartBytes);
    }
    EXPECT_EQ(told[4].body.size(), 5U);
    EXPECT_EQ(told[5].content_bytes, bytes.size());
  }
}

TEST(TunnelBodyTest, WhatMayNotBeKeptIsCountedAndEndsAPartAllTheSame) {
  Tunnel stream(kKtime);
  stream.limits.body_bytes = 10;
  stream.Data(std::string(TunnelBody::kPartBytes + 1, 'x'));
  const std::vector<Told> told = stream.End();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[1].content_bytes, TunnelBody::kPartBytes);
  EXPECT_EQ(stream.recorder.messages[1].cut_bytes, TunnelBody::kPartBytes - 10);
  EXPECT_EQ(told[2].content_bytes, TunnelBody::kPartBytes + 1);
}

TEST(TunnelBodyTest, AGapIsInThePartWhereItIsAndMakesTheWholeIncomplete) {
  Tunnel stream(kKtime);
  stream.Data("a");
  stream.body->OnDataLost(2, kKtime);
  stream.body->OnFrameEnd(kKtime);
  stream.Frame("b");
  stream.body->OnLoss(kKtime);
  stream.Frame("c");
  EXPECT_EQ(stream.End(), (std::vector<Told>{{"", 1},
                                             {"a", 2, false, false, 3},
                                             {"b", 3, false, true, 1},
                                             {"c", 4, false, false, 1},
                                             {"", 5, true, false, 5}}));
  EXPECT_EQ(stream.recorder.messages[1].gaps, (std::vector<BodyGap>{{1, 2}}));
  EXPECT_EQ(stream.recorder.messages[3].gaps, (std::vector<BodyGap>{{0, 0}}));
}

}  // namespace
}  // namespace tlscope::http2
