// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/chunked.h"

#include <gtest/gtest.h>

namespace tlscope::http1 {
namespace {

using Status = ChunkedDecoder::Status;

class ChunkedTest : public testing::Test {
 protected:
  ParserLimits limits_;
  ByteBudget budget_{1U << 20};
  MessageBuilder out_{limits_, budget_};
  ChunkedDecoder decoder_{Role::kResponse};
};

TEST(ChunkSizeTest, ReadsHexDigitsOfEitherCaseAndPassesOverExtensions) {
  EXPECT_EQ(ParseChunkSize("0"), 0U);
  EXPECT_EQ(ParseChunkSize("1aF"), 0x1afU);
  EXPECT_EQ(ParseChunkSize("10  "), 16U);
  EXPECT_EQ(ParseChunkSize("10;a=\"b c\";d"), 16U);
  EXPECT_EQ(ParseChunkSize("ffffffffffffffff"), ~std::uint64_t{0});
  EXPECT_EQ(ParseChunkSize("00000000000000000001f"), 0x1fU);
}

TEST(ChunkSizeTest, RefusesWhatIsNoSize) {
  for (const char* line : {"", ";a", "-1", "+1", "0x10", "g", "1 2", "10000000000000000"}) {
    EXPECT_EQ(ParseChunkSize(line), std::nullopt) << line;
  }
}

TEST_F(ChunkedTest, LeavesWhatFollowsTheBody) {
  const std::string_view bytes = "3\r\nabc\r\n0\r\n\r\nnext";
  const ChunkedDecoder::Result result = decoder_.Read(bytes, out_);
  EXPECT_EQ(result.status, Status::kDone);
  EXPECT_EQ(bytes.substr(result.consumed), "next");
  EXPECT_EQ(out_.message().body, "abc");
}

TEST_F(ChunkedTest, DoesNotConsumePartOfALine) {
  EXPECT_EQ(decoder_.Read("1", out_).consumed, 0U);
  EXPECT_EQ(decoder_.Read("10\r", out_).consumed, 0U);
  EXPECT_EQ(decoder_.Read("10\r\nab", out_).consumed, 6U);
  EXPECT_EQ(out_.message().body, "ab");
}

TEST_F(ChunkedTest, IsBrokenWhereDataDoesNotEndInALineEnd) {
  const ChunkedDecoder::Result result = decoder_.Read("2\r\nabc\r\n", out_);
  EXPECT_EQ(result.status, Status::kBroken);
  EXPECT_EQ(result.consumed, 5U);
}

TEST_F(ChunkedTest, IsBrokenByALineThatIsNoTrailer) {
  const ChunkedDecoder::Result result = decoder_.Read("0\r\nA: b\r\nHTTP/1.1 200 OK\r\n", out_);
  EXPECT_EQ(result.status, Status::kBroken);
  EXPECT_EQ(result.consumed, 9U);
  EXPECT_EQ(out_.message().trailers, "A: b\r\n");
}

TEST_F(ChunkedTest, IsBrokenByALineWithoutEnd) {
  const std::string line = "1;" + std::string(100'000, 'x');
  EXPECT_EQ(decoder_.Read(line, out_).status, Status::kBroken);
}

TEST_F(ChunkedTest, SkipsOnlyDataOfTheCurrentChunk) {
  EXPECT_FALSE(decoder_.Skip(1));
  EXPECT_EQ(decoder_.Read("5\r\na", out_).status, Status::kNeedMore);
  EXPECT_FALSE(decoder_.Skip(5));
  EXPECT_TRUE(decoder_.Skip(4));
  EXPECT_FALSE(decoder_.Skip(1));
  EXPECT_EQ(decoder_.Read("\r\n0\r\n\r\n", out_).status, Status::kDone);
}

}  // namespace
}  // namespace tlscope::http1
