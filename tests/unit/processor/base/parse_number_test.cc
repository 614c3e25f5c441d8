// SPDX-License-Identifier: Apache-2.0
#include "processor/base/parse_number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace tlscope {
namespace {

TEST(ParseNumberTest, TakesWhatTheTypeCanHold) {
  EXPECT_EQ(ParseNumber<std::uint16_t>("0"), 0);
  EXPECT_EQ(ParseNumber<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(ParseNumber<std::uint16_t>("0042"), 42);
  EXPECT_EQ(ParseNumber<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(ParseNumber<double>("2.5"), 2.5);
}

TEST(ParseNumberTest, RefusesWhatIsNotAllNumber) {
  for (const char* text : {"", "65536", "-1", "+1", " 1", "1 ", "0x10", "1.0", "one"}) {
    EXPECT_EQ(ParseNumber<std::uint16_t>(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tlscope
