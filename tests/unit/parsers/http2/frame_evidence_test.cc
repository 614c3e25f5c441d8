// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/frame_evidence.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "parsers/http2/detect.h"

namespace tlscope::http2 {
namespace {

constexpr std::array kTypes = {
    FrameType::kData,          FrameType::kHeaders,  FrameType::kPriority,
    FrameType::kRstStream,     FrameType::kSettings, FrameType::kPushPromise,
    FrameType::kPing,          FrameType::kGoAway,   FrameType::kWindowUpdate,
    FrameType::kContinuation,  FrameType::kAltSvc,   FrameType::kOrigin,
    FrameType::kPriorityUpdate};

/// Which frames: empty ones count for less.
enum class Lengths : std::uint8_t { kNone, kSome };

/// With a reserved bit that is 0.
bool IsBelieved(const FrameHeader& frame) {
  constexpr std::array<char, kFrameHeaderBytes> kHeader{};
  return IsBelievable(frame, {kHeader.data(), kHeader.size()});
}

/// How often nine random bytes are a believable frame of `type` with a payload, or without one.
double ShareBelieved(FrameType type, Lengths lengths) {
  // Rules look at single lengths up to 256; beyond, each 64th stands for the 64 up to it.
  const std::uint32_t first = lengths == Lengths::kNone ? 0 : 1;
  const std::uint32_t last = lengths == Lengths::kNone ? 0 : 1U << 15U;
  double believed = 0;
  for (std::uint32_t length = first; length <= last; length += length < 256 ? 1 : 64) {
    const double stands_for = length <= 256 ? 1 : 64;
    for (unsigned flags = 0; flags < 256; ++flags) {
      FrameHeader frame{length, type, static_cast<std::uint8_t>(flags), 0};
      if (IsBelieved(frame)) believed += stands_for;
      frame.stream_id = 1;
      if (IsBelieved(frame)) believed += stands_for * 0x7fffffff;
    }
  }
  // Of 8 bits of type, 24 of length, 8 of flags, 1 that is reserved and 31 of stream.
  double share = std::ldexp(believed, -72);
  if (type == FrameType::kRstStream || type == FrameType::kGoAway) {
    share *= std::ldexp(kMaxErrorCode + 1, -32);
  }
  return share;
}

FrameHeader Believable(FrameType type, std::uint32_t length) {
  return {length, type, 0, type == FrameType::kSettings || type == FrameType::kPing ? 0U : 1U};
}

TEST(FrameEvidenceTest, IsWhatTheRulesLeave) {
  EXPECT_EQ(kEvidence.type, 8U);
  EXPECT_EQ(kEvidence.reserved_bit, 1U);
  EXPECT_EQ(kEvidence.any_length, 9U);
  EXPECT_EQ(kEvidence.one_length, 24U);
  EXPECT_EQ(kEvidence.settings_length, 18U);
  EXPECT_EQ(kEvidence.connection_stream, 31U);
  EXPECT_EQ(kEvidence.same_stream, 31U);
  EXPECT_EQ(kEvidence.error_code, 28U);
}

TEST(FrameEvidenceTest, AddsUpByType) {
  EXPECT_EQ(GivenBits(Believable(FrameType::kData, 5), 0), 8U + 1 + 6 + 9);
  EXPECT_EQ(GivenBits(Believable(FrameType::kData, 5), 1), 8U + 1 + 6 + 9 + 31);
  EXPECT_EQ(GivenBits(Believable(FrameType::kData, 0), 1), 8U);
  EXPECT_EQ(GivenBits(Believable(FrameType::kHeaders, 5), 0), 8U + 1 + 4 + 9);
  EXPECT_EQ(GivenBits(Believable(FrameType::kRstStream, 4), 0), 8U + 1 + 8 + 24 + 28);
  EXPECT_EQ(GivenBits(Believable(FrameType::kPing, 8), 0), 8U + 1 + 7 + 24 + 31);
  EXPECT_EQ(GivenBits(Believable(FrameType::kAltSvc, 5), 0), 8U);
}

TEST(FrameEvidenceTest, IsNoMoreThanRandomBytesLeave) {
  for (const FrameType type : kTypes) {
    SCOPED_TRACE(FrameTypeName(type));
    for (const Lengths lengths : {Lengths::kNone, Lengths::kSome}) {
      const std::uint32_t length = lengths == Lengths::kNone ? 0 : 6;
      const unsigned bits = GivenBits(Believable(type, length), 0);
      EXPECT_LE(ShareBelieved(type, lengths), std::ldexp(1, -static_cast<int>(bits)));
    }
  }
}

TEST(FrameEvidenceTest, TheReservedBitIsNeverSet) {
  for (const FrameType type : kTypes) {
    std::string header(kFrameHeaderBytes, '\0');
    header[5] = '\x80';
    for (std::uint32_t length = 0; length < 20; ++length) {
      FrameHeader frame{length, type, 0, 0};
      EXPECT_FALSE(IsBelievable(frame, header));
      frame.stream_id = 1;
      EXPECT_FALSE(IsBelievable(frame, header));
    }
  }
}

/// One kind of frame in a run: how often random bytes are one, and what it counts for.
struct Step {
  double share;
  unsigned bits;
};

/// How often random bytes go on to a match by kEnoughBits, `bits` of which are there.
double ShareOfRuns(const std::vector<Step>& steps, unsigned bits) {
  if (bits >= kEnoughBits) return 1;
  double share = 0;
  for (const Step& step : steps) share += step.share * ShareOfRuns(steps, bits + step.bits);
  return share;
}

TEST(FrameEvidenceTest, ARunOfFramesIsFoundInRandomBytesLessThanOnceIn2ToThe47) {
  std::vector<Step> steps;
  for (const FrameType type : kTypes) {
    for (const Lengths lengths : {Lengths::kNone, Lengths::kSome}) {
      const double share = ShareBelieved(type, lengths);
      if (share == 0) continue;
      const FrameHeader frame = Believable(type, lengths == Lengths::kNone ? 0 : 6);
      steps.push_back({share, GivenBits(frame, 0)});
      const unsigned same = GivenBits(frame, frame.stream_id);
      if (same != steps.back().bits) steps.push_back({std::ldexp(share, -31), same});
    }
  }
  EXPECT_LT(ShareOfRuns(steps, 0), std::ldexp(1, -47));
}

}  // namespace
}  // namespace tlscope::http2
