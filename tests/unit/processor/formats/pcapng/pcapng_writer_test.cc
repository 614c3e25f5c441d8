// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/pcapng_writer.h"

#include <gtest/gtest.h>

#include "tests/unit/processor/formats/pcapng/pcapng_reader.h"

namespace tlscope::pcapng {
namespace {

using namespace std::string_literals;
using testing::ReadBlock;
using testing::ReadBlocks;

TEST(PcapngWriterTest, WritesASectionHeaderByteByByte) {
  std::string out;
  AppendSectionHeader("abcde", "", out);
  EXPECT_EQ(out,
            "\x0a\x0d\x0d\x0a\x2c\0\0\0"
            "\x4d\x3c\x2b\x1a\x01\0\0\0"
            "\xff\xff\xff\xff\xff\xff\xff\xff"
            "\x04\0\x05\0abcde\0\0\0"
            "\0\0\0\0"
            "\x2c\0\0\0"s);
}

TEST(PcapngWriterTest, SaysTheOperatingSystemWhenItIsKnown) {
  std::string out;
  AppendSectionHeader("tlscope 1", "Linux 6.1", out);
  const std::vector<ReadBlock> blocks = ReadBlocks(out);
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0].Option(3), "Linux 6.1");
  EXPECT_EQ(blocks[0].Option(4), "tlscope 1");
}

TEST(PcapngWriterTest, WritesAnInterfaceByteByByte) {
  std::string out;
  AppendInterface(LinkType::kRaw, "tls", "", out);
  EXPECT_EQ(out,
            "\x01\0\0\0\x28\0\0\0"
            "\x65\0\0\0\0\0\0\0"
            "\x02\0\x03\0tls\0"
            "\x09\0\x01\0\x09\0\0\0"
            "\0\0\0\0"
            "\x28\0\0\0"s);
}

TEST(PcapngWriterTest, WritesAPacketByteByByte) {
  std::string out;
  AppendPacket({.interface = 1,
                .unix_ns = 0x0102030405060708,
                .direction = PacketDirection::kOutbound,
                .comment = "pid=1"},
               "AB", "CDE", out);
  EXPECT_EQ(out,
            "\x06\0\0\0\x40\0\0\0"
            "\x01\0\0\0\x04\x03\x02\x01\x08\x07\x06\x05\x05\0\0\0\x05\0\0\0"
            "ABCDE\0\0\0"
            "\x01\0\x05\0pid=1\0\0\0"
            "\x02\0\x04\0\x02\0\0\0"
            "\0\0\0\0"
            "\x40\0\0\0"s);
}

TEST(PcapngWriterTest, PadsDataOfAnyLength) {
  for (std::size_t bytes = 0; bytes < 9; ++bytes) {
    std::string out;
    AppendPacket({.interface = 0}, "", std::string(bytes, 'x'), out);
    const std::vector<ReadBlock> blocks = ReadBlocks(out);
    ASSERT_EQ(blocks.size(), 1U);
    EXPECT_EQ(blocks[0].packet(), std::string(bytes, 'x'));
    EXPECT_TRUE(blocks[0].options.empty());
  }
}

TEST(PcapngWriterTest, CutsACommentThatNoOptionHoldsBetweenCharacters) {
  std::string comment = "x";
  for (int i = 0; i < 60000; ++i) comment += "\xc3\xa9";
  std::string out;
  AppendPacket({.interface = 0, .comment = comment}, "", "", out);
  const std::vector<ReadBlock> blocks = ReadBlocks(out);
  ASSERT_EQ(blocks.size(), 1U);
  const std::string cut = blocks[0].comment();
  EXPECT_EQ(cut, comment.substr(0, cut.size()));
  EXPECT_GT(cut.size(), 1000U);
  EXPECT_EQ(cut.size() % 2, 1U);
}

}  // namespace
}  // namespace tlscope::pcapng
