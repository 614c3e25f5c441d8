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
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 15);
  EXPECT_NE(out.find("70 71 72 73 74 75 76 77  78 79 7a 7b 7c 7d 7e 7f  |pqrstuvwxyz{|}~.|"),
            std::string::npos);
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
