// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/frame_search.h"

#include <random>

#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope::http2 {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

/// What a search makes of bytes, all of it.
struct Outcome {
  std::string skipped;
  std::string frames;
  std::string held;
  bool operator==(const Outcome&) const = default;
};

Outcome SearchInPieces(std::string_view bytes, std::size_t grain) {
  ByteBudget budget(64U << 20);
  FrameSearch search(budget);
  Outcome outcome;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, grain);
    bytes.remove_prefix(piece.size());
    const FrameSearch::Result result = search.Feed(piece);
    EXPECT_EQ(search.held_bytes(), budget.used_bytes());
    outcome.skipped += result.skipped;
    if (!result.found) continue;
    outcome.frames = result.frames + std::string(bytes);
    break;
  }
  outcome.held = search.Take();
  EXPECT_EQ(budget.used_bytes(), 0U);
  return outcome;
}

TEST(FrameSearchTest, FindsTheSameFramesHoweverTheBytesAreCut) {
  std::minstd_rand engine(3);
  const auto random = [&engine] { return static_cast<unsigned>(engine()); };
  for (int round = 0; round < 200; ++round) {
    // Bytes that look like frames more often than chance would have it.
    std::string bytes;
    for (unsigned n = random() % 30; n != 0; --n) {
      const auto type = static_cast<FrameType>(random() % 10);
      const std::string payload(random() % 20, static_cast<char>(random() % 3));
      bytes += Frame(type, random() % 6, random() % 3, payload).substr(random() % 4 == 0 ? 1 : 0);
      bytes += std::string(random() % 3, '\0');
    }
    const Outcome whole = SearchInPieces(bytes, bytes.size() + 1);
    ASSERT_EQ(whole.skipped + whole.frames + whole.held, bytes);
    for (const std::size_t grain : {1, 2, 7, 30}) {
      const Outcome pieces = SearchInPieces(bytes, grain);
      ASSERT_EQ(pieces.frames, whole.frames) << round << " " << grain;
      ASSERT_EQ(pieces.skipped, whole.skipped) << round << " " << grain;
    }
  }
}

TEST(FrameSearchTest, AFrameThatIsOneIsNotHiddenByALongOneThatIsNone) {
  Encoder encoder;
  const std::string real = Headers(1, encoder.Block(kGet), kFlagEndStream);
  const std::string fake = Frame(FrameType::kHeaders, 0, 9, std::string(100, '\1')).substr(0, 20);
  const Outcome outcome = SearchInPieces(fake + real, 1000);
  EXPECT_EQ(outcome.skipped, fake);
  EXPECT_EQ(outcome.frames, real);
}

TEST(FrameSearchTest, ARunThatIsNotBelievedWithinItsLimitIsNoneInAnySplit) {
  // Frames that hardly tell anything, six of which would do.
  std::string bytes;
  for (int i = 0; i < 7; ++i) {
    bytes += Frame(static_cast<FrameType>(10), 0, 0, std::string(16000, '\1'));
  }
  EXPECT_TRUE(SearchInPieces(bytes, bytes.size()).frames.empty());
  EXPECT_TRUE(SearchInPieces(bytes, 977).frames.empty());
}

// Headers one after the other that all but begin a run of frames.
const std::string kHostile = std::string("\0\x3f\0\1\4\0\0\0\1", 9) + std::string(9, '\x82');

TEST(FrameSearchTest, HoldsNoMoreThanARunMayHaveAndWhatTheBudgetGives) {
  for (const std::uint64_t limit_bytes : {std::uint64_t{64U << 20}, std::uint64_t{5000}}) {
    ByteBudget budget(limit_bytes);
    FrameSearch search(budget);
    std::size_t skipped = 0;
    for (int i = 0; i < 20'000; ++i) {
      skipped += search.Feed(kHostile).skipped.size();
      ASSERT_EQ(search.held_bytes(), budget.used_bytes());
      ASSERT_LE(search.held_bytes(), 4 * FrameSearch::kMaxRunBytes);
    }
    EXPECT_GT(skipped, 0U);
    EXPECT_EQ(skipped + search.Take().size(), 20'000 * kHostile.size());
  }
}

// A place is looked at when something can have changed, not with every call.
TEST(FrameSearchTest, AHostileStreamOfSingleBytesCostsBoundedTime) {
  ByteBudget budget(64U << 20);
  FrameSearch search(budget);
  std::size_t skipped = 0;
  for (std::size_t i = 0; i < 200'000; ++i) {
    skipped += search.Feed(kHostile.substr(i % kHostile.size(), 1)).skipped.size();
  }
  EXPECT_EQ(skipped + search.Take().size(), 200'000U);
}

}  // namespace
}  // namespace tlscope::http2
