// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "processor/events/endpoint_text.h"
#include "processor/text/hex_dump.h"
#include "processor/text/printable.h"
#include "processor/text/utc_time.h"

namespace tlscope {
namespace {

using namespace std::string_literals;

std::string TimeOf(UtcTime& time, std::uint64_t ktime_ns) {
  std::string out;
  time.Append(ktime_ns, out);
  return out;
}

TEST(UtcTimeTest, RendersCalendarTimesInAnyOrder) {
  UtcTime time(0);
  EXPECT_EQ(TimeOf(time, 0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(TimeOf(time, 1'709'251'199'999'999'999), "2024-02-29T23:59:59.999999Z");
  EXPECT_EQ(TimeOf(time, 1'709'251'200'000'001'000), "2024-03-01T00:00:00.000001Z");
  EXPECT_EQ(TimeOf(time, 999), "1970-01-01T00:00:00.000000Z");
}

TEST(UtcTimeTest, StaysInsideTheCalendarWhateverTheClock) {
  UtcTime before(-1'000'000'000);
  EXPECT_EQ(TimeOf(before, 1), "1970-01-01T00:00:00.000000Z");
  UtcTime after(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(TimeOf(after, std::numeric_limits<std::uint64_t>::max()).size(), 27U);
}

TEST(EndpointTextTest, RendersBothFamilies) {
  std::string out;
  AppendEndpoint(AddressFamily::kIpv4, {{255, 0, 10, 199}, 0}, out);
  EXPECT_EQ(out, "255.0.10.199:0");
  out.clear();
  AppendTuple({AddressFamily::kIpv6, {{}, 5}, {{}, 443}}, out);
  EXPECT_EQ(out, "[::]:5-[::]:443");
  out.clear();
  AppendTuple({}, out);
  EXPECT_EQ(out, "unknown");
}

TEST(HexDumpTest, LaysRowsOutLikeHexdump) {
  std::string out;
  AppendHexDump("", 0, out);
  EXPECT_EQ(out, "");
  AppendHexDump("12345678", 0xfffffff0, out);
  EXPECT_EQ(out, "fffffff0  31 32 33 34 35 36 37 38                           |12345678|");
  out.clear();
  AppendHexDump("123456789", 0, out);
  EXPECT_EQ(out, "00000000  31 32 33 34 35 36 37 38  39                       |123456789|");
}

TEST(HexDumpTest, ShowsEveryByteValueOnce) {
  std::string all(256, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i);
  std::string out;
  AppendHexDump(all, 0, out);
  EXPECT_EQ(out,
            "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|\n"
            "00000010  10 11 12 13 14 15 16 17  18 19 1a 1b 1c 1d 1e 1f  |................|\n"
            "00000020  20 21 22 23 24 25 26 27  28 29 2a 2b 2c 2d 2e 2f  | !\"#$%&'()*+,-./|\n"
            "00000030  30 31 32 33 34 35 36 37  38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|\n"
            "00000040  40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f  |@ABCDEFGHIJKLMNO|\n"
            "00000050  50 51 52 53 54 55 56 57  58 59 5a 5b 5c 5d 5e 5f  |PQRSTUVWXYZ[\\]^_|\n"
            "00000060  60 61 62 63 64 65 66 67  68 69 6a 6b 6c 6d 6e 6f  |`abcdefghijklmno|\n"
            "00000070  70 71 72 73 74 75 76 77  78 79 7a 7b 7c 7d 7e 7f  |pqrstuvwxyz{|}~.|\n"
            "00000080  80 81 82 83 84 85 86 87  88 89 8a 8b 8c 8d 8e 8f  |................|\n"
            "00000090  90 91 92 93 94 95 96 97  98 99 9a 9b 9c 9d 9e 9f  |................|\n"
            "000000a0  a0 a1 a2 a3 a4 a5 a6 a7  a8 a9 aa ab ac ad ae af  |................|\n"
            "000000b0  b0 b1 b2 b3 b4 b5 b6 b7  b8 b9 ba bb bc bd be bf  |................|\n"
            "000000c0  c0 c1 c2 c3 c4 c5 c6 c7  c8 c9 ca cb cc cd ce cf  |................|\n"
            "000000d0  d0 d1 d2 d3 d4 d5 d6 d7  d8 d9 da db dc dd de df  |................|\n"
            "000000e0  e0 e1 e2 e3 e4 e5 e6 e7  e8 e9 ea eb ec ed ee ef  |................|\n"
            "000000f0  f0 f1 f2 f3 f4 f5 f6 f7  f8 f9 fa fb fc fd fe ff  |................|");
}

TEST(PrintableTest, TellsTextFromBinary) {
  for (const std::string& text :
       {""s, "plain"s, "tab\t cr\r lf\n"s, "\xc3\xa9"s, "\xe2\x82\xac"s, "\xf0\x9f\x98\x80"s,
        "\xc2\xa0"s, "\xed\x9f\xbf"s, "\xf4\x8f\xbf\xbf"s}) {
    EXPECT_TRUE(IsPrintableText(text)) << text;
  }
  for (const std::string& binary :
       {"\0"s, "\x1b"s, "\x7f"s, "\x80"s, "\xc2\x9b"s, "\xc0\x80"s, "\xe0\x80\x80"s,
        "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s, "\xf8\x88\x80\x80\x80"s, "\xc3"s, "\xe2\x82"s,
        "\xe2\x82("s, "ok\x01"s}) {
    EXPECT_FALSE(IsPrintableText(binary)) << ::testing::PrintToString(binary);
  }
}

TEST(PrintableTest, LeavesNothingThatReordersTextOnATerminal) {
  std::string out;
  AppendForTerminal("\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf", out);
  EXPECT_EQ(out, "\xe2\x80\xa9\\xe2\\x80\\xaa\\xe2\\x80\\xae\xe2\x80\xaf");
  out.clear();
  AppendForTerminal("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa", out);
  EXPECT_EQ(out, "\xe2\x81\xa5\\xe2\\x81\\xa6\\xe2\\x81\\xa9\xe2\x81\xaa");
  EXPECT_TRUE(IsPrintableText("\xe2\x80\xae")) << "it is text all the same";
}

TEST(PrintableTest, LeavesNoByteThatActsOnATerminal) {
  std::string all;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      all += {static_cast<char>(first), static_cast<char>(second), '.'};
    }
  }
  std::string out;
  AppendForTerminal(all, out);
  std::string visible;
  for (const char c : out) {
    if (c != '\r') visible += c;
  }
  EXPECT_TRUE(IsPrintableText(visible));
  for (std::size_t at = out.find('\r'); at != std::string::npos; at = out.find('\r', at + 1)) {
    EXPECT_EQ(out.at(at + 1), '\n');
  }
}

}  // namespace
}  // namespace tlscope
