// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/bodies/plain_body.h"

#include "tests/unit/parsers/http2/bodies/body_testing.h"

namespace tlscope::http2 {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

TEST(PlainBodyTest, LeavesWithItsMessage) {
  BodyUnderTest<PlainBody> stream(0U);
  stream.Frame("he");
  stream.Frame("llo");
  EXPECT_TRUE(stream.SoFar().empty());
  EXPECT_EQ(stream.End(), (std::vector<Told>{{"hello", 0, false, true, 5}}));
}

TEST(PlainBodyTest, PlacesWhatIsLost) {
  BodyUnderTest<PlainBody> stream(0U);
  stream.Data("ab");
  stream.body->OnDataLost(3, kKtime);
  stream.Data("cd");
  stream.body->OnLoss(kKtime);
  EXPECT_EQ(stream.End(), (std::vector<Told>{{"abcd", 0, false, false, 7}}));
  EXPECT_EQ(stream.recorder.messages[0].gaps, (std::vector<BodyGap>{{2, 3}, {4, 0}}));
}

TEST(PlainBodyTest, ReservesWhatTheHeadSaysAndNoMoreThanIsBelieved) {
  BodyUnderTest<PlainBody> believed(1000U);
  believed.Data("a");
  EXPECT_EQ(believed.message.held_bytes(), 1000U);
  believed.End();
  BodyUnderTest<PlainBody> hostile(std::uint64_t{1} << 60);
  hostile.Data("a");
  EXPECT_LT(hostile.message.held_bytes(), 20'000U);
  hostile.End();
}

}  // namespace
}  // namespace tlscope::http2
