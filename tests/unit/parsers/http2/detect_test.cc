// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/detect.h"

#include <cstring>
#include <random>

#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope::http2 {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

TEST(Http2DetectTest, KnowsAServerByItsSettings) {
  EXPECT_EQ(DetectServer(Settings()), Detection::kMatch);
  EXPECT_EQ(DetectServer(Settings(Setting(3, 100) + Setting(5, 16384))), Detection::kMatch);
  EXPECT_EQ(DetectServer(Frame(FrameType::kSettings, kFlagAck, 0)), Detection::kNoMatch);
  EXPECT_EQ(DetectServer(Settings(Setting(2, 1))), Detection::kNoMatch);
  EXPECT_EQ(DetectServer(Settings(Setting(5, 100))), Detection::kNoMatch);
  EXPECT_EQ(DetectServer(Settings(Setting(0x77, 1))), Detection::kNoMatch);
  // Envoy's ENABLE_METADATA: what is not known does no harm next to what is.
  EXPECT_EQ(DetectServer(Settings(Setting(0x4d44, 1) + Setting(3, 100))), Detection::kMatch);
  EXPECT_EQ(DetectServer(Settings(Setting(3, 100) + Setting(0, 1))), Detection::kNoMatch);
  EXPECT_EQ(DetectServer(Frame(FrameType::kSettings, 0, 1)), Detection::kNoMatch);
}

TEST(Http2DetectTest, KnowsAConnectionJoinedLate) {
  Encoder encoder;
  EXPECT_EQ(DetectRun(Headers(7, encoder.Block(kGet), kFlagEndStream)), Detection::kMatch);
  EXPECT_EQ(DetectRun(Frame(FrameType::kPing, 0, 0, "pingpong")), Detection::kMatch);
  EXPECT_EQ(DetectRun(Data(1, "abc")), Detection::kNeedMore);
  EXPECT_EQ(DetectRun(Data(1, "abc") + Data(1, "defg")), Detection::kMatch);
  EXPECT_EQ(DetectRun(Data(1, "abc") + Frame(FrameType::kWindowUpdate, 0, 1, Uint32(1))),
            Detection::kMatch);
}

TEST(Http2DetectTest, DoesNotTakeOtherProtocolsForIt) {
  const std::string kafka("\0\0\0\x23\0\x12\0\x03\0\0\0\x01\0\x07rdkafka", 21);
  const std::string counted = Uint32(0) + Uint32(1) + Uint32(2) + Uint32(3) + Uint32(4);
  for (const std::string& bytes : {std::string(1000, '\0'), std::string(1000, '\1'), kafka, counted,
                                   std::string("\x16\x03\x01\x02\0"), std::string("GET / HTTP/1.1"),
                                   std::string("SSH-2.0-x"), Data(0, "abc") + Data(0, "def")}) {
    EXPECT_EQ(DetectRun(bytes), Detection::kNoMatch);
    EXPECT_EQ(DetectServer(bytes), Detection::kNoMatch);
  }
}

/// `bytes`: a multiple of eight.
void Randomize(std::mt19937_64& engine, std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t word = engine();
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
}

// What can be measured in random bytes is the first step: they begin like a believable frame about
// once in 2^22. How often they match is tested in parts: HEADERS frames below, runs of frames in
// FrameEvidenceTest.
TEST(Http2DetectTest, RandomBytesAreNotHttp2AndLookLikeItLessThanOnceIn2ToThe20) {
  std::mt19937_64 engine(7);
  std::string bytes(64, '\0');
  int undecided = 0;
  constexpr int kTries = 1 << 23;
  for (int i = 0; i < kTries; ++i) {
    Randomize(engine, bytes);
    const Detection run = DetectRun(bytes);
    ASSERT_NE(run, Detection::kMatch);
    ASSERT_NE(DetectServer(bytes), Detection::kMatch);
    undecided += run == Detection::kNeedMore ? 1 : 0;
  }
  EXPECT_LE(undecided, kTries >> 20);
}

// Of a HEADERS frame with its whole block in it 28 bits are given before the block is looked at:
// the type, a length below 1024 (a longer block is hardly ever one), the reserved bit, END_HEADERS
// and four flags that are not defined. So 2^9 random blocks of which one is believed make 2^37.
TEST(Http2DetectTest, ARandomHeadersFrameIsBelievedLessThanOnceIn2ToThe37) {
  constexpr int kTries = 1 << 16;
  std::mt19937_64 engine(7);
  std::string bytes(kFrameHeaderBytes - 1 + 1024, '\0');
  int matches = 0;
  for (int i = 0; i < kTries; ++i) {
    Randomize(engine, bytes);
    bytes[0] = 0;
    bytes[1] = static_cast<char>(bytes[1] & 3);
    bytes[3] = static_cast<char>(FrameType::kHeaders);
    bytes[4] = static_cast<char>((bytes[4] & (kFlagEndStream | kFlagPadded | kFlagPriority)) |
                                 kFlagEndHeaders);
    bytes[5] = static_cast<char>(bytes[5] & 0x7f);
    matches += DetectRun(bytes) == Detection::kMatch ? 1 : 0;
  }
  EXPECT_GT(matches, 0);
  EXPECT_LT(matches, kTries >> 9);
}

TEST(Http2DetectTest, NeverTakesADecisionBack) {
  Encoder encoder;
  std::string late = Data(3, std::string(50, 'x'), kFlagEndStream);
  late += Headers(5, encoder.Block(kGet), kFlagEndStream) + Data(7, "y") + Data(7, "z");
  for (const std::string& bytes :
       {late, std::string(kPreface) + Settings(), Settings(Setting(0x4d44, 1) + Setting(3, 1)),
        Settings(Setting(0x4d44, 1)), Settings(Setting(3, 1)) + late,
        Frame(FrameType::kWindowUpdate, 0, 0, Uint32(9)) + late,
        Data(1, "", kFlagEndStream) + "x"}) {
    for (const auto detect : {&DetectClient, &DetectServer, &DetectRun}) {
      Detection last = Detection::kNeedMore;
      for (std::size_t size = 0; size <= bytes.size(); ++size) {
        const Detection now = detect(std::string_view(bytes).substr(0, size));
        ASSERT_TRUE(last == Detection::kNeedMore || now == last) << size;
        last = now;
      }
    }
  }
}

}  // namespace
}  // namespace tlscope::http2
