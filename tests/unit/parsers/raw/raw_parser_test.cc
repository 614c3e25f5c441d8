// SPDX-License-Identifier: Apache-2.0
#include "parsers/raw/raw_parser.h"

#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope::raw {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

class RawParserTest : public testing::Test {
 protected:
  ByteBudget budget_{1U << 20};
  ParserContext context_{{}, budget_, {}};
  Recorder out_;
  RawParser parser_{context_, out_};
};

TEST_F(RawParserTest, EmitsWhatItHoldsWhenFlushed) {
  parser_.Feed("ab", kKtime);
  parser_.Feed(std::string("\0c", 2), kKtime);
  EXPECT_TRUE(out_.messages.empty());
  parser_.Flush();
  parser_.Flush();
  EXPECT_EQ(out_.messages, Messages{Unknown(std::string("ab\0c", 4))});
}

TEST_F(RawParserTest, EmitsTheRestAtTheEnd) {
  parser_.Feed("rest", kKtime);
  parser_.Finish(StreamEnd::kIdle);
  EXPECT_EQ(out_.messages, Messages{Unknown("rest")});
  EXPECT_EQ(budget_.used_bytes(), 0U);
}

TEST_F(RawParserTest, EndsAMessageAtAGapAndNotesIt) {
  parser_.Feed("ab", kKtime);
  parser_.Gap(5, kKtime);
  parser_.Feed("cd", kKtime);
  parser_.Finish(StreamEnd::kClosed);
  EXPECT_EQ(out_.messages, (Messages{WithGap(Unknown("ab"), 2, 5), Unknown("cd")}));
}

TEST_F(RawParserTest, NotesAGapBeforeTheFirstByte) {
  parser_.Gap(5, kKtime);
  parser_.Gap(1, kKtime);
  parser_.Flush();
  parser_.Feed("cd", kKtime);
  parser_.Finish(StreamEnd::kClosed);
  EXPECT_EQ(out_.messages, Messages{WithGap(Unknown("cd"), 0, 6)});
}

TEST_F(RawParserTest, NotesAGapWithNothingAfterIt) {
  parser_.Gap(5, kKtime);
  parser_.Finish(StreamEnd::kClosed);
  EXPECT_EQ(out_.messages, Messages{WithGap(Unknown(""), 0, 5)});
}

TEST_F(RawParserTest, TheSplitOfTheCallsMakesNoDifference) {
  std::string bytes;
  for (int i = 0; bytes.size() < 200'000; ++i) bytes += std::to_string(i);
  parser_.Feed(bytes, kKtime);
  parser_.Finish(StreamEnd::kClosed);
  ASSERT_EQ(out_.messages.size(), 4U);
  EXPECT_EQ(out_.messages[0].body.size(), RawParser::kMessageBytes);
  for (const std::size_t piece : {1U, 1000U, 65'535U, 65'536U, 65'537U}) {
    Recorder split;
    RawParser parser(context_, split);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      parser.Feed(std::string_view(bytes).substr(at, piece), kKtime);
    }
    parser.Finish(StreamEnd::kClosed);
    EXPECT_TRUE(split.messages == out_.messages) << piece;
  }
}

TEST_F(RawParserTest, CountsWhatTheLimitCuts) {
  context_.limits.body_bytes = 3;
  parser_.Feed("abcde", kKtime);
  parser_.Finish(StreamEnd::kClosed);
  EXPECT_EQ(out_.messages, Messages{WithCut(Unknown("abc"), 2)});
}

TEST_F(RawParserTest, ResetForgetsWhatWasHeld) {
  parser_.Feed("abc", kKtime);
  parser_.Reset();
  EXPECT_EQ(parser_.held_bytes(), 0U);
  parser_.Finish(StreamEnd::kClosed);
  EXPECT_TRUE(out_.messages.empty());
}

}  // namespace
}  // namespace tlscope::raw
