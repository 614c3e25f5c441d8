// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/bodies/rpc_body.h"

#include "tests/unit/parsers/http2/bodies/body_testing.h"
#include "tests/unit/parsers/http2/frame_builder.h"

namespace tlscope::http2 {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

std::string Prefixed(std::string_view message) {
  return std::string(1, '\0') + Uint32(static_cast<std::uint32_t>(message.size())) +
         std::string(message);
}

class RpcBodyTest : public testing::Test {
 protected:
  /// Which of what has left are messages of the call.
  std::string Kinds() const {
    std::string kinds;
    for (const Message& message : stream_.recorder.messages) kinds += message.grpc ? 'm' : 'd';
    return kinds;
  }

  BodyUnderTest<RpcBody> stream_{content::CodingList()};
};

TEST_F(RpcBodyTest, AnOnlyMessageLeavesWhole) {
  stream_.Data(Prefixed("question"));
  EXPECT_EQ(stream_.End(), (std::vector<Told>{{"question", 0, false, true, 8}}));
  EXPECT_EQ(Kinds(), "m");
}

TEST_F(RpcBodyTest, MessagesLeaveInTheSamePartsHoweverTheDataIsCut) {
  const std::string bytes = Prefixed("one") + Prefixed("") + Prefixed("three");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    BodyUnderTest<RpcBody> stream{content::CodingList()};
    stream.Data(bytes.substr(0, cut));
    stream.Data(bytes.substr(cut));
    EXPECT_EQ(stream.End(), (std::vector<Told>{{"one", 1, false, true, 3},
                                               {"", 2, false, true, 0},
                                               {"three", 3, true, true, 8}}));
  }
}

TEST_F(RpcBodyTest, AWholeMessageLeavesWithItsFrameAndHalfAnotherDoesNot) {
  stream_.Frame(Prefixed("one") + Prefixed("two").substr(0, 6));
  EXPECT_EQ(stream_.SoFar(), (std::vector<Told>{{"one", 1, false, true, 3}}));
  stream_.Frame("wo");
  EXPECT_EQ(stream_.SoFar().back(), (Told{"two", 2, false, true, 3}));
  EXPECT_EQ(stream_.End().back(), (Told{"", 3, true, true, 6}));
  EXPECT_EQ(Kinds(), "mmd");
}

TEST_F(RpcBodyTest, TrailersComeBehindTheMessageThatIsReady) {
  stream_.Data(Prefixed("answer"));
  stream_.body->OnTrailers(kKtime);
  EXPECT_EQ(stream_.SoFar(), (std::vector<Told>{{"answer", 1, false, true, 6}}));
  EXPECT_EQ(stream_.End().back(), (Told{"", 2, true, true, 6}));
  EXPECT_EQ(Kinds(), "md");
}

TEST_F(RpcBodyTest, HalfAMessageIsDataAndIncomplete) {
  stream_.Data(Prefixed("half").substr(0, 7));
  EXPECT_EQ(stream_.End(), (std::vector<Told>{{"ha", 0, false, false, 2}}));
  EXPECT_EQ(Kinds(), "d");
}

TEST_F(RpcBodyTest, HalfAPrefixIsDataAndIncomplete) {
  stream_.Frame(Prefixed("one") + std::string("\0\0", 2));
  EXPECT_EQ(stream_.End().back(), (Told{std::string("\0\0", 2), 2, true, false, 5}));
  EXPECT_EQ(Kinds(), "md");
}

TEST_F(RpcBodyTest, WhatIsNoMessageIsDataFromThereOn) {
  stream_.Data(Prefixed("good") + "\x07not one");
  stream_.Frame(Prefixed("nor this"));
  EXPECT_EQ(stream_.SoFar(), (std::vector<Told>{{"good", 1, false, true, 4}}));
  EXPECT_EQ(stream_.End().back(), (Told{"\x07not one" + Prefixed("nor this"), 2, true, false, 25}));
  EXPECT_EQ(Kinds(), "md");
}

TEST_F(RpcBodyTest, ALossInsideAMessageIsJumpedOver) {
  stream_.Data(Prefixed("0123456789").substr(0, 7));
  stream_.body->OnDataLost(3, kKtime);
  stream_.Frame("56789" + Prefixed("next"));
  EXPECT_EQ(stream_.End(), (std::vector<Told>{{"0156789", 1, false, false, 10},
                                              {"next", 2, false, true, 4},
                                              {"", 3, true, false, 14}}));
  EXPECT_EQ(Kinds(), "mmd");
}

TEST_F(RpcBodyTest, ALossUpToTheEndOfAMessageEndsIt) {
  stream_.Data(Prefixed("0123456789").substr(0, 7));
  stream_.body->OnDataLost(8, kKtime);
  stream_.body->OnFrameEnd(kKtime);
  EXPECT_EQ(stream_.SoFar(), (std::vector<Told>{{"01", 1, false, false, 10}}));
  stream_.Data(Prefixed("next"));
  EXPECT_EQ(stream_.End().back(), (Told{"next", 2, true, false, 14}));
  EXPECT_EQ(Kinds(), "mm");
}

TEST_F(RpcBodyTest, ALossBeyondAMessageMakesTheRestData) {
  stream_.Data(Prefixed("one") + Prefixed("two").substr(0, 6));
  stream_.body->OnDataLost(3, kKtime);
  stream_.Frame(Prefixed("three"));
  EXPECT_EQ(stream_.End(), (std::vector<Told>{{"one", 1, false, true, 3},
                                              {"t" + Prefixed("three"), 2, true, false, 17}}));
  EXPECT_EQ(Kinds(), "md");
}

TEST_F(RpcBodyTest, ALossBetweenMessagesMakesTheRestDataAndSparesTheOneThatIsReady) {
  stream_.Data(Prefixed("one"));
  stream_.body->OnLoss(kKtime);
  stream_.Data("rest");
  EXPECT_EQ(stream_.End(),
            (std::vector<Told>{{"one", 1, false, true, 3}, {"rest", 2, true, false, 7}}));
  EXPECT_EQ(Kinds(), "md");
}

TEST_F(RpcBodyTest, CountsOfAMessageWhatWasSentThoughItWasCompressed) {
  // printf hello | gzip -n
  const std::string gzip(
      "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0", 25);
  content::CodingList codings;
  codings.Add("gzip");
  BodyUnderTest<RpcBody> stream(codings);
  std::string compressed = Prefixed(gzip);
  compressed[0] = '\1';
  stream.Frame(compressed);
  stream.Frame(compressed);
  EXPECT_EQ(stream.End(), (std::vector<Told>{{"hello", 1, false, true, 25},
                                             {"hello", 2, false, true, 25},
                                             {"", 3, true, true, 50}}));
  EXPECT_EQ(stream.recorder.messages[1].decoded_from, "gzip");
}

}  // namespace
}  // namespace tlscope::http2
