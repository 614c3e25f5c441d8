// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/hex_format.h"

#include <gtest/gtest.h>

#include <string>

#include "processor/formats/text_format.h"
#include "tests/unit/processor/formats/golden_events.h"

namespace tlscope::testing {
namespace {

std::string Write(Format& format, const BusPayload& payload) {
  std::string out;
  format.Append(payload, out);
  return out;
}

std::string Dump(const Message& message) {
  HexFormat format(kGoldenOffsetNs);
  const ConnectionInfo connection;
  const std::string text = Write(format, MessageEvent{connection, DataType::kRead, "u", message});
  return text.substr(text.find('\n') + 1);
}

TEST(HexFormatTest, DumpsHeadBodyAndTrailersInOne) {
  Message message;
  message.head = "GET / HTTP/1.1\r\n\r\n";
  message.body = "body";
  message.trailers = "Sum: 1\r\n";
  EXPECT_EQ(Dump(message),
            "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n"
            "00000010  0d 0a 62 6f 64 79 53 75  6d 3a 20 31 0d 0a        |..bodySum: 1..|\n"
            "\n");
}

TEST(HexFormatTest, WritesAnEmptyLineForNoBytes) { EXPECT_EQ(Dump(Message()), "\n"); }

TEST(HexFormatTest, HasTheHeaderLinesOfText) {
  const GoldenEvents golden;
  HexFormat hex(kGoldenOffsetNs);
  TextFormat text({.realtime_offset_ns = kGoldenOffsetNs, .body_view = BodyView::kShow});
  for (const auto& event : golden.events()) {
    hex.SetAgent(event.agent);
    text.SetAgent(event.agent);
    std::string expected = Write(text, event.payload);
    // Text says so where it shows fields of Protocol Buffers instead of the body's bytes.
    if (expected.find(", View:") != std::string::npos) continue;
    const std::string written = Write(hex, event.payload);
    EXPECT_EQ(written.substr(0, written.find('\n')), expected.substr(0, expected.find('\n')));
  }
}

TEST(HexFormatTest, LetsNoByteOfAMessageActOnATerminal) {
  Message message;
  for (int byte = 0; byte < 256; ++byte) message.body.push_back(static_cast<char>(byte));
  for (const char byte : Dump(message)) {
    EXPECT_TRUE(byte == '\n' || (byte >= ' ' && byte <= '~')) << static_cast<int>(byte);
  }
}

TEST(HexFormatTest, MarksWhatWasDroppedAsTextDoes) {
  const std::string mark = HexFormat(0).Dropped(3, 4096);
  EXPECT_EQ(mark, "[tlscope: 3 messages (4096 bytes) not written: the output is too slow]\n");
  EXPECT_EQ(mark, TextFormat({}).Dropped(3, 4096));
  EXPECT_EQ(TextFormat({}).Dropped(3, 0),
            "[tlscope: 3 messages not written: the output is too slow]\n");
}

}  // namespace
}  // namespace tlscope::testing
