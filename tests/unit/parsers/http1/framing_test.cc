// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/framing.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>

namespace tlscope::http1 {
namespace {

using Kind = FramingFields::Kind;

FramingFields Lengths(std::initializer_list<const char*> values) {
  FramingFields fields;
  for (const char* value : values) fields.Add(Kind::kContentLength, value);
  return fields;
}

FramingFields Codings(std::initializer_list<const char*> values) {
  FramingFields fields;
  for (const char* value : values) fields.Add(Kind::kTransferEncoding, value);
  return fields;
}

PendingRequest Asked(MethodKind method, bool upgrade_asked = false) {
  return {1, method, upgrade_asked};
}

TEST(FramingTest, KnowsTheFieldsOfInterestInAnyCase) {
  EXPECT_EQ(FramingFields::Classify("content-LENGTH"), Kind::kContentLength);
  EXPECT_EQ(FramingFields::Classify("Transfer-Encoding"), Kind::kTransferEncoding);
  EXPECT_EQ(FramingFields::Classify("UPGRADE"), Kind::kUpgrade);
  EXPECT_EQ(FramingFields::Classify("Content-Lengti"), Kind::kOther);
  EXPECT_EQ(FramingFields::Classify(""), Kind::kOther);
}

TEST(FramingTest, TakesContentLengthsThatAgree) {
  EXPECT_EQ(Lengths({" 42 "}).content_length(), 42U);
  EXPECT_EQ(Lengths({"42, 42"}).length(), FramingFields::Length::kValid);
  EXPECT_EQ(Lengths({"42", "042"}).length(), FramingFields::Length::kValid);
  EXPECT_EQ(Lengths({"18446744073709551615"}).content_length(), ~std::uint64_t{0});
}

TEST(FramingTest, RefusesContentLengthsThatDisagreeOrAreNoNumbers) {
  for (const char* value : {"", " ", "+1", "-1", "1a", "0x1", "1 1", "1,2", "1,,1", ",", "1,", ",1",
                            "18446744073709551616", "99999999999999999999999999"}) {
    EXPECT_EQ(Lengths({value}).length(), FramingFields::Length::kInvalid) << value;
  }
  EXPECT_EQ(Lengths({"1", "2", "1"}).length(), FramingFields::Length::kInvalid);
}

TEST(FramingTest, TheLastTransferCodingCounts) {
  EXPECT_EQ(RequestBody(Codings({"chunked"})), BodyKind::kChunked);
  EXPECT_EQ(RequestBody(Codings({"gzip,", " CHUNKED"})), BodyKind::kChunked);
  EXPECT_EQ(RequestBody(Codings({"chunked, gzip"})), BodyKind::kInvalid);
  EXPECT_EQ(RequestBody(Codings({"identity"})), BodyKind::kNone);
  EXPECT_EQ(ResponseBody(Codings({"gzip"}), 200, {}), BodyKind::kUntilClose);
}

TEST(FramingTest, AResponseWithNeitherEndsWithTheConnectionAndARequestAtOnce) {
  EXPECT_EQ(ResponseBody({}, 200, {}), BodyKind::kUntilClose);
  EXPECT_EQ(RequestBody({}), BodyKind::kNone);
}

TEST(FramingTest, StatusAndMethodComeBeforeTheFields) {
  const FramingFields five = Lengths({"5"});
  for (const std::uint16_t status : std::initializer_list<std::uint16_t>{100, 103, 199, 204, 304}) {
    EXPECT_EQ(ResponseBody(five, status, {}), BodyKind::kNone) << status;
  }
  EXPECT_EQ(ResponseBody(five, 200, Asked(MethodKind::kHead)), BodyKind::kNone);
  EXPECT_EQ(ResponseBody(Lengths({"x"}), 200, Asked(MethodKind::kHead)), BodyKind::kNone);
  EXPECT_EQ(ResponseBody(five, 299, Asked(MethodKind::kConnect)), BodyKind::kSwitch);
  EXPECT_EQ(ResponseBody({}, 204, Asked(MethodKind::kConnect)), BodyKind::kSwitch);
  EXPECT_EQ(ResponseBody(five, 300, Asked(MethodKind::kConnect)), BodyKind::kLength);
  EXPECT_EQ(ResponseBody(five, 200, Asked(MethodKind::kOther)), BodyKind::kLength);
}

TEST(FramingTest, SwitchesOnlyWhenAskedOrWhenTheRequestIsNotKnown) {
  EXPECT_EQ(ResponseBody({}, 101, Asked(MethodKind::kOther, true)), BodyKind::kSwitch);
  EXPECT_EQ(ResponseBody({}, 101, Asked(MethodKind::kOther, false)), BodyKind::kNone);
  EXPECT_EQ(ResponseBody({}, 101, {}), BodyKind::kSwitch);
}

}  // namespace
}  // namespace tlscope::http1
