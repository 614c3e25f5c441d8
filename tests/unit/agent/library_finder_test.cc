// SPDX-License-Identifier: Apache-2.0
#include "agent/library_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tlscope {
namespace {

TEST(LibraryFinderTest, KnowsLibsslByItsFileName) {
  EXPECT_TRUE(LooksLikeLibssl("/usr/lib/x86_64-linux-gnu/libssl.so.3"));
  EXPECT_TRUE(LooksLikeLibssl("/opt/app/lib/libssl.so.1.1"));
  EXPECT_TRUE(LooksLikeLibssl("libssl-8b3f1e2c.so.1.1.1k"));
  EXPECT_FALSE(LooksLikeLibssl("/usr/lib/x86_64-linux-gnu/libcrypto.so.3"));
  EXPECT_FALSE(LooksLikeLibssl("/srv/libssl.so.d/readme"));
  EXPECT_FALSE(LooksLikeLibssl("/usr/lib/x86_64-linux-gnu/libssl.a"));
  EXPECT_FALSE(LooksLikeLibssl(""));
}

TEST(LibraryFinderTest, LooksThroughTheProcesssOwnRootFirst) {
  EXPECT_THAT(PathsToMappedFile(42, "/usr/lib/libssl.so.3"),
              testing::ElementsAre("/proc/42/root/usr/lib/libssl.so.3", "/usr/lib/libssl.so.3"));
}

}  // namespace
}  // namespace tlscope
