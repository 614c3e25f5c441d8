// SPDX-License-Identifier: Apache-2.0
#include "processor/base/keyed_hash.h"

#include <gtest/gtest.h>

namespace tlscope {
namespace {

TEST(KeyedHashTest, AgreesWithThePublishedVectorOfSipHash24) {
  // Key 00 01 .. 0f, input 00 01 .. 0f.
  const HashKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  EXPECT_EQ(KeyedHash(key, 0x0706050403020100, 0x0f0e0d0c0b0a0908), 0x3f2acc7f57c29bdbU);
}

TEST(KeyedHashTest, DependsOnTheKey) {
  EXPECT_NE(KeyedHash(RandomHashKey(), 1, 2), KeyedHash(RandomHashKey(), 1, 2));
}

}  // namespace
}  // namespace tlscope
