// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/pcapng/tcp_packet.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/processor/formats/pcapng/pcapng_reader.h"

namespace tlscope {
namespace {

using namespace std::string_literals;
using testing::ReadPacket;
using testing::ReadTcp;

TcpSegment Segment(AddressFamily family, std::string_view data) {
  TcpSegment segment;
  segment.family = family;
  segment.source = {{10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff}, 54321};
  segment.destination = {{10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 443};
  segment.sequence = 0xfffffff0;
  segment.acknowledgement = 0x01020304;
  segment.flags = kTcpPsh | kTcpAck;
  segment.data = data;
  return segment;
}

std::string Packet(const TcpSegment& segment) {
  return std::string(TcpHeaders(segment).bytes()) + std::string(segment.data);
}

// The example of RFC 1071 3.
TEST(InternetSumTest, IsThatOfTheStandardsExample) {
  InternetSum sum;
  sum.Add("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8);
  EXPECT_EQ(sum.Checksum(), 0xffff ^ 0xddf2);
}

TEST(InternetSumTest, CountsALastOddByteAsTheFirstOfAPair) {
  InternetSum sum;
  sum.Add("\xab", 1);
  EXPECT_EQ(sum.Checksum(), 0xffff ^ 0xab00);
}

TEST(InternetSumTest, IsTheSameHoweverTheBytesAreAdded) {
  std::string bytes;
  for (int i = 0; i < 301; ++i) bytes.push_back(static_cast<char>(i * 7 + 255));
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 2) {
    InternetSum sum;
    sum.Add(bytes.data(), cut);
    sum.Add(bytes.data() + cut, bytes.size() - cut);
    EXPECT_EQ(sum.Checksum(), testing::ReceivedChecksum(bytes)) << cut;
  }
}

TEST(TcpHeadersTest, WritesIpv4ByteByByte) {
  const std::string packet = Packet(Segment(AddressFamily::kIpv4, "hi"));
  EXPECT_EQ(packet,
            "\x45\0\0\x2a\0\0\x40\0\x40\x06\x24\xc4\x0a\x01\x02\x03\x0a\0\0\x07"
            "\xd4\x31\x01\xbb\xff\xff\xff\xf0\x01\x02\x03\x04\x50\x18\xff\xff"s +
                packet.substr(36, 2) + "\0\0hi"s);
  EXPECT_EQ(ReadPacket(packet).version, 4U);
}

TEST(TcpHeadersTest, HoldsForBothFamiliesAndAnyLength) {
  for (const AddressFamily family : {AddressFamily::kIpv4, AddressFamily::kIpv6}) {
    for (const std::size_t bytes : {0U, 1U, 2U, 7U, 8U, 9U, 1460U, 16384U, 65495U}) {
      SCOPED_TRACE(bytes);
      const std::string data(bytes, '\xfe');
      const TcpSegment segment = Segment(family, data);
      const std::string packet = Packet(segment);
      const ReadTcp read = ReadPacket(packet);
      EXPECT_EQ(read.version, family == AddressFamily::kIpv4 ? 4U : 6U);
      EXPECT_EQ(read.source_port, 54321U);
      EXPECT_EQ(read.destination_port, 443U);
      EXPECT_EQ(read.sequence, 0xfffffff0U);
      EXPECT_EQ(read.acknowledgement, 0x01020304U);
      EXPECT_EQ(read.flags, 0x18U);
      EXPECT_EQ(read.data, data);
      const std::size_t address = family == AddressFamily::kIpv4 ? 4 : 16;
      EXPECT_EQ(read.source,
                std::string(segment.source.address.begin(),
                            segment.source.address.begin() + static_cast<std::ptrdiff_t>(address)));
    }
  }
}

TEST(TcpHeadersTest, ASynOffersTheLargestWindow) {
  TcpSegment segment = Segment(AddressFamily::kIpv6, "");
  segment.flags = kTcpSyn;
  const std::string packet = Packet(segment);
  EXPECT_EQ(ReadPacket(packet).data, "");
  EXPECT_EQ(packet.substr(60), "\x02\x04\xff\xd7\x03\x03\x0e\0"s);
}

}  // namespace
}  // namespace tlscope
