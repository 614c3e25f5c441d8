// SPDX-License-Identifier: Apache-2.0
#include "parsers/core/header_field.h"

#include <gtest/gtest.h>

namespace tlscope {
namespace {

constexpr std::string_view kHead =
    "GET / HTTP/1.1\r\nHost: example.org \r\nX-Empty:\r\nhost: second\r\nBare: lf\n\r\n";

TEST(HeaderFieldTest, FindsTheFirstOfANameInAnyCase) {
  EXPECT_EQ(FindField(kHead, "host"), "example.org");
  EXPECT_EQ(FindField(kHead, "BARE"), "lf");
}

TEST(HeaderFieldTest, IsEmptyWhereThereIsNone) {
  EXPECT_EQ(FindField(kHead, "x-empty"), "");
  EXPECT_EQ(FindField(kHead, "hos"), "");
  EXPECT_EQ(FindField(kHead, "content-type"), "");
  EXPECT_EQ(FindField("", "host"), "");
  EXPECT_EQ(FindField("host", "host"), "");
}

TEST(HeaderFieldTest, FindsPseudoHeadersByTheirColon) {
  EXPECT_EQ(FindField(":method: GET\r\n:authority: a.example\r\n\r\n", ":authority"), "a.example");
}

}  // namespace
}  // namespace tlscope
