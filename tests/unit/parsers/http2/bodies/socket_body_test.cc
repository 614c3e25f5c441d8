// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/bodies/socket_body.h"

#include "tests/unit/parsers/http2/bodies/body_testing.h"
#include "tests/unit/parsers/websocket/websocket_frames.h"

namespace tlscope::http2 {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

class SocketBodyTest : public testing::Test {
 protected:
  /// One of the messages that the WebSocket carries.
  static Told OfSocket(std::string body, std::uint64_t content_bytes, bool complete = true) {
    return {std::move(body), 0, false, complete, content_bytes};
  }

  ParserLimits limits_;
  ByteBudget budget_{std::uint64_t{1} << 20};
  BodyUnderTest<SocketBody> stream_{SocketBody::Bounds{limits_, budget_}, kKtime};
};

TEST_F(SocketBodyTest, IsATunnelUntilItIsAccepted) {
  stream_.Frame("up");
  EXPECT_EQ(stream_.End(),
            (std::vector<Told>{{"", 1}, {"up", 2, false, true, 2}, {"", 3, true, true, 2}}));
}

TEST_F(SocketBodyTest, ItsMessagesTakeThePlaceOfThePartsHoweverTheyAreCut) {
  const std::string frames = testing_support::Frame({.fin = false}, "hel") +
                             testing_support::Frame({websocket::Opcode::kContinuation}, "lo") +
                             testing_support::Frame({}, "again");
  for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
    SCOPED_TRACE(cut);
    BodyUnderTest<SocketBody> stream(SocketBody::Bounds{limits_, budget_}, kKtime);
    stream.body->OnAccept({});
    stream.Frame(frames.substr(0, cut));
    stream.Frame(frames.substr(cut));
    EXPECT_EQ(stream.End(), (std::vector<Told>{{"", 1},
                                               OfSocket("hello", 5),
                                               OfSocket("again", 5),
                                               {"", 2, true, true, frames.size()}}));
    EXPECT_EQ(stream.recorder.messages[1].stream_id, 1U);
  }
}

TEST_F(SocketBodyTest, StaysATunnelWhenDataCameBeforeItWasAccepted) {
  stream_.Frame("early");
  stream_.body->OnAccept({});
  stream_.Frame("late");
  EXPECT_EQ(stream_.End(), (std::vector<Told>{{"", 1},
                                              {"early", 2, false, true, 5},
                                              {"late", 3, false, true, 4},
                                              {"", 4, true, true, 9}}));
}

TEST_F(SocketBodyTest, StaysATunnelWithoutMemory) {
  ASSERT_TRUE(budget_.Take((std::uint64_t{1} << 20) - 100));
  stream_.body->OnAccept({});
  EXPECT_EQ(stream_.body->held_bytes(), 0U);
  stream_.Frame("data");
  EXPECT_EQ(stream_.SoFar().back(), (Told{"data", 2, false, true, 4}));
  stream_.End();
  budget_.Give((std::uint64_t{1} << 20) - 100);
}

TEST_F(SocketBodyTest, WhatCannotBeReadIsTheTunnelsFromThereOn) {
  const std::string frame = testing_support::Frame({}, "hi");
  stream_.body->OnAccept({});
  stream_.Data(frame + "\x7f");
  stream_.Data("no frame");
  stream_.body->OnFrameEnd(kKtime);
  stream_.Frame("more");
  EXPECT_EQ(stream_.End(), (std::vector<Told>{{"", 1},
                                              OfSocket("hi", 2),
                                              {"\x7fno frame", 2, false, true, 9},
                                              {"more", 3, false, true, 4},
                                              {"", 4, true, true, frame.size() + 13}}));
  EXPECT_EQ(budget_.used_bytes(), 0U);
}

TEST_F(SocketBodyTest, ALossInsideAPayloadIsTheMessagesAndMakesTheWholeIncomplete) {
  const std::string frame = testing_support::Frame({}, "0123456789");
  stream_.body->OnAccept({});
  stream_.Data(frame.substr(0, 5));
  stream_.body->OnDataLost(3, kKtime);
  stream_.Data(frame.substr(8));
  EXPECT_EQ(stream_.End(),
            (std::vector<Told>{
                {"", 1}, OfSocket("0126789", 10, false), {"", 2, true, false, frame.size()}}));
}

TEST_F(SocketBodyTest, ALossOfAFramesBeginningMakesItATunnel) {
  stream_.body->OnAccept({});
  stream_.Data("\x81");
  stream_.body->OnDataLost(3, kKtime);
  stream_.Frame("rest");
  EXPECT_EQ(
      stream_.End(),
      (std::vector<Told>{{"", 1}, {"\x81rest", 2, false, false, 8}, {"", 3, true, false, 8}}));
  EXPECT_EQ(stream_.recorder.messages[1].gaps, (std::vector<BodyGap>{{1, 3}}));
}

TEST_F(SocketBodyTest, ALossOfFramesEndsTheMessageThatIsBegun) {
  const std::string begun = testing_support::Frame({.fin = false}, "begun");
  stream_.body->OnAccept({});
  stream_.Data(begun);
  stream_.body->OnLoss(kKtime);
  EXPECT_EQ(stream_.SoFar().back(), OfSocket("begun", 5, false));
  stream_.Frame("rest");
  EXPECT_EQ(stream_.End().back(), (Told{"", 3, true, false, begun.size() + 4}));
}

TEST_F(SocketBodyTest, WhatItHoldsIsInTheBudgetUntilTheStreamEnds) {
  stream_.body->OnAccept({});
  stream_.Data(testing_support::Frame({.fin = false}, "begun"));
  EXPECT_GT(budget_.used_bytes(), 0U);
  EXPECT_EQ(stream_.body->held_bytes(), budget_.used_bytes());
  stream_.body->OnEnd(kKtime);
  EXPECT_EQ(budget_.used_bytes(), 0U);
  EXPECT_EQ(stream_.SoFar().back(), OfSocket("begun", 5, false));
}

}  // namespace
}  // namespace tlscope::http2
