// SPDX-License-Identifier: Apache-2.0
#include "processor/reflection/protobuf_text.h"

#include <gtest/gtest.h>

#include <string>

namespace tlscope {
namespace {

std::string Shown(std::string_view bytes) {
  std::string out;
  return AppendProtobufText(bytes, out) ? out : "no message" + out;
}

std::string Nested(unsigned field, const std::string& content) {
  return std::string({static_cast<char>(field << 3U | 2U), static_cast<char>(content.size())}) +
         content;
}

TEST(ProtobufTextTest, ShowsEveryWireType) {
  EXPECT_EQ(
      Shown(std::string("\x08\x96\x01\x12\x07testing\x1d\x02\0\0\0\x21\x03\0\0\0\0\0\0\0", 26)),
      "1: 150\n2: \"testing\"\n3: 2\n4: 3\n");
}

TEST(ProtobufTextTest, OpensWhatCanBeAMessageAndShowsOtherBytesAsHex) {
  EXPECT_EQ(Shown(Nested(3, "\x08\x01") + Nested(4, "\xff\xfe")), "3 {\n  1: 1\n}\n4: 0xfffe\n");
  EXPECT_EQ(Shown(Nested(1, Nested(2, "\x08\x05"))), "1 {\n  2 {\n    1: 5\n  }\n}\n");
}

TEST(ProtobufTextTest, EscapesWhatWouldBreakALine) {
  EXPECT_EQ(Shown(Nested(1, "a\"b\\\n")), "1: \"a\\\"b\\\\\\n\"\n");
}

TEST(ProtobufTextTest, RefusesWhatIsNoMessage) {
  for (const std::string& bytes :
       {std::string("\x08"), std::string("\x0a\x05hi"), std::string("\x0b"), std::string("\0\0", 2),
        std::string("\x08") + std::string(11, '\xff')}) {
    EXPECT_EQ(Shown(bytes), "no message");
  }
  EXPECT_EQ(Shown(""), "");
}

TEST(ProtobufTextTest, BoundsDepth) {
  std::string bytes = "\x08\x01";
  for (int i = 0; i < 55; ++i) bytes = Nested(1, bytes);
  const std::string shown = Shown(bytes);
  EXPECT_NE(shown.find(": 0x"), std::string::npos);
  EXPECT_LT(shown.size(), 8192U);
}

TEST(ProtobufTextTest, BoundsText) {
  // One value of 2 MiB, then more fields than are shown.
  std::string bytes("\x0a\x80\x80\x80\x01", 5);
  bytes += std::string(2U << 20, 'x');
  EXPECT_EQ(Shown(bytes), "1: [tlscope: 2097152 bytes]\n");
  for (int i = 0; i < 2'000'000; ++i) bytes += "\x08\x01";
  const std::string shown = Shown(bytes);
  EXPECT_LT(shown.size(), 5U << 20);
  EXPECT_TRUE(shown.ends_with("[tlscope: the rest of the message is not shown]\n"));
}

}  // namespace
}  // namespace tlscope
