// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/message_builder.h"

#include "tests/unit/parsers/core/parser_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

class MessageBuilderTest : public testing::Test {
 protected:
  const Message& Last() const { return recorder_.messages.back(); }

  ParserLimits limits_;
  ByteBudget budget_{std::uint64_t{1} << 20};
  Recorder recorder_;
  MessageBuilder builder_{limits_, budget_};
};

TEST_F(MessageBuilderTest, PartsHaveInCommonWhatSaysWhatTheyBelongTo) {
  Message& message = builder_.message();
  message.parser = ParserType::kHttp2Response;
  message.stream_id = 3;
  message.exchange = 5;
  message.status = 200;
  message.grpc = true;
  message.rpc = "/p.S/M";
  message.resynchronised = true;
  message.never_indexed = "cookie";
  ASSERT_TRUE(builder_.SetHead("head", "", ""));
  builder_.EmitPart(recorder_);
  builder_.Append("body", 0);
  builder_.Emit(recorder_);
  ASSERT_EQ(recorder_.messages.size(), 2U);
  EXPECT_EQ(recorder_.messages[0].head, "head");
  EXPECT_EQ(recorder_.messages[0].part, 1U);
  EXPECT_FALSE(recorder_.messages[0].last_part);
  Message expected;
  expected.parser = ParserType::kHttp2Response;
  expected.stream_id = 3;
  expected.exchange = 5;
  expected.status = 200;
  expected.grpc = true;
  expected.rpc = "/p.S/M";
  expected.body = "body";
  expected.content_bytes = 4;
  expected.part = 2;
  expected.last_part = true;
  EXPECT_EQ(Last(), expected);
}

TEST_F(MessageBuilderTest, EachPartCountsItsOwnContentAndTheLastAll) {
  builder_.Append("four", 0);
  builder_.EmitPart(recorder_);
  EXPECT_EQ(Last().content_bytes, 4U);
  builder_.Append("two", 0);
  builder_.AddGap(10);
  builder_.EmitPart(recorder_);
  EXPECT_EQ(Last().content_bytes, 13U);
  EXPECT_EQ(builder_.parts(), 2U);
  builder_.Append("end", 0);
  builder_.Emit(recorder_);
  EXPECT_EQ(Last().content_bytes, 20U);
  EXPECT_EQ(builder_.parts(), 0U);
}

TEST_F(MessageBuilderTest, TheLastPartIsCompleteWhenAllPartsAre) {
  for (const bool lost : {false, true}) {
    if (lost) builder_.AddGap(1);
    builder_.EmitPart(recorder_);
    EXPECT_EQ(Last().complete, !lost);
    builder_.EmitPart(recorder_);
    EXPECT_TRUE(Last().complete);
    builder_.Emit(recorder_);
    EXPECT_EQ(Last().complete, !lost);
  }
}

TEST_F(MessageBuilderTest, WhatLeftApartIsOfTheWholeAndOfNoPart) {
  builder_.EmitPart(recorder_);
  builder_.CountApart(100, true);
  EXPECT_FALSE(builder_.empty());
  builder_.Append("a", 0);
  builder_.EmitPart(recorder_);
  EXPECT_EQ(Last().content_bytes, 1U);
  builder_.CountApart(10, false);
  builder_.EmitPart(recorder_);
  EXPECT_TRUE(Last().complete);
  builder_.Emit(recorder_);
  EXPECT_EQ(Last().content_bytes, 111U);
  EXPECT_FALSE(Last().complete);
}

TEST_F(MessageBuilderTest, APartGivesItsMemoryBackAndTheNextIsCodedOnlyIfThatIsSaid) {
  // printf hello | gzip -n
  const std::string gzip(
      "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0", 25);
  content::CodingList codings;
  codings.Add("gzip");
  builder_.Decode(codings);
  builder_.Append(gzip, 0);
  builder_.EmitPart(recorder_);
  EXPECT_EQ(Last().body, "hello");
  EXPECT_EQ(Last().content_bytes, gzip.size());
  EXPECT_EQ(budget_.used_bytes(), 0U);
  builder_.Append(gzip, 0);
  builder_.Emit(recorder_);
  EXPECT_EQ(Last().body, gzip);
  EXPECT_TRUE(Last().decoded_from.empty());
}

TEST_F(MessageBuilderTest, NothingOfAMessageInPartsIsLeftForTheNext) {
  builder_.AddGap(5);
  builder_.EmitPart(recorder_);
  builder_.CountApart(5, false);
  builder_.Drop();
  EXPECT_TRUE(builder_.empty());
  builder_.Append("whole", 0);
  builder_.Emit(recorder_);
  Message expected;
  expected.body = "whole";
  expected.content_bytes = 5;
  EXPECT_EQ(Last(), expected);
}

TEST_F(MessageBuilderTest, PartsCutByARuleCountTheirOwnContentAndTheLastAll) {
  builder_.EmitInParts(content::PartRule::kLines, recorder_);
  builder_.Append("one\ntwo", 0);
  builder_.Flush();
  EXPECT_EQ(Last().body, "one\n");
  EXPECT_EQ(Last().content_bytes, 4U);
  builder_.Append("!\n", 0);
  builder_.Flush();
  EXPECT_EQ(Last().body, "two!\n");
  EXPECT_EQ(Last().content_bytes, 5U);
  builder_.Emit(recorder_);
  EXPECT_EQ(Last().content_bytes, 9U);
  EXPECT_EQ(Last().part, 4U);
}

}  // namespace
}  // namespace tlscope
