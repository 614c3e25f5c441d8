// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "tests/unit/parsers/http2/http2_testing.h"

namespace tlscope {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace): the tests' vocabulary

/// Keeps each frame as a line.
class FrameRecorder final : public MessageHandler {
 public:
  void OnMessage(Message&& /*message*/) override {}
  bool WantsFrames() const override { return true; }
  void OnFrame(const FrameRecord& frame) override {
    std::ostringstream line;
    line << frame.type << " " << frame.flags << " " << frame.stream_id << " " << frame.length;
    if (!frame.detail.empty()) line << " " << frame.detail;
    lines.push_back(line.str());
  }
  std::vector<std::string> lines;
};

std::vector<std::string> Log(const std::string& bytes, std::size_t grain = 1U << 20) {
  ByteBudget budget(64U << 20);
  ParserContext context{{}, budget};
  FrameRecorder recorder;
  http2::Http2Parser parser(http2::Start::kOfServer, context, recorder);
  for (std::size_t at = 0; at < bytes.size(); at += grain) {
    parser.Feed(std::string_view(bytes).substr(at, grain), kKtime);
  }
  parser.Finish(StreamEnd::kClosed);
  return recorder.lines;
}

TEST(Http2FrameLogTest, SaysOfEachFrameWhatItIs) {
  Encoder encoder;
  const std::string block = encoder.Block(kOkFields);
  const std::string padded = std::string("\x02", 1) + "bodyPP";
  const std::vector<std::pair<std::string, std::string>> frames = {
      {Settings(Setting(1, 4096) + Setting(5, 65536) + Setting(0x4d44, 1)),
       "SETTINGS - 0 18 HEADER_TABLE_SIZE=4096 MAX_FRAME_SIZE=65536 19780=1"},
      {Frame(FrameType::kSettings, kFlagAck, 0), "SETTINGS ACK 0 0"},
      {Headers(1, block), "HEADERS END_HEADERS 1 " + std::to_string(block.size())},
      {Frame(FrameType::kHeaders, kFlagPriority, 3, Uint32(1) + "\x10" + "\x88"),
       "HEADERS PRIORITY 3 6"},
      {Frame(FrameType::kContinuation, kFlagEndHeaders, 3), "CONTINUATION END_HEADERS 3 0"},
      {Frame(FrameType::kData, kFlagPadded | kFlagEndStream, 1, padded),
       "DATA END_STREAM|PADDED 1 7 padding=2"},
      {Frame(FrameType::kPushPromise, kFlagEndHeaders, 3, Uint32(2) + "\x82"),
       "PUSH_PROMISE END_HEADERS 3 5 promised=2"},
      {Frame(FrameType::kPriority, 0, 3, Uint32(0x80000001) + "\xff"),
       "PRIORITY - 3 5 depends_on=1 weight=256 exclusive"},
      {Frame(FrameType::kRstStream, 0, 3, Uint32(8)), "RST_STREAM - 3 4 error=CANCEL"},
      {Frame(FrameType::kRstStream, 0, 3, Uint32(99)), "RST_STREAM - 3 4 error=99"},
      {Frame(FrameType::kPing, kFlagAck, 0, "pingpong"), "PING ACK 0 8 data=70696e67706f6e67"},
      {Frame(FrameType::kWindowUpdate, 0, 0, Uint32(5)), "WINDOW_UPDATE - 0 4 increment=5"},
      {Frame(FrameType::kPriorityUpdate, 0, 0, Uint32(5) + "u=1, i"),
       "PRIORITY_UPDATE - 0 10 prioritized=5 priority=\"u=1, i\""},
      {Frame(static_cast<FrameType>(0xfe), 0x81, 7, "?"), "254 129 7 1"},
      {Frame(FrameType::kGoAway, 0, 0, Uint32(3) + Uint32(11) + "too_many_pings\n"),
       "GOAWAY - 0 23 last_stream=3 error=ENHANCE_YOUR_CALM debug=\"too_many_pings\\x0a\""},
  };
  std::string bytes;
  std::vector<std::string> expected;
  for (const auto& [frame, line] : frames) {
    bytes += frame;
    expected.push_back(line);
  }
  EXPECT_EQ(Log(bytes), expected);
  EXPECT_EQ(Log(bytes, 1), expected);
}

TEST(Http2FrameLogTest, BoundsWhatItShows) {
  const std::string debug(1000, 'd');
  const std::vector<std::string> lines =
      Log(Frame(FrameType::kGoAway, 0, 0, Uint32(0) + Uint32(0) + debug));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_LT(lines[0].size(), 250U);
  EXPECT_TRUE(lines[0].ends_with("d\"..."));
}

TEST(Http2FrameLogTest, SaysWhenWhatAFrameSaysWasLost) {
  ByteBudget budget(64U << 20);
  ParserContext context{{}, budget};
  FrameRecorder recorder;
  http2::Http2Parser parser(http2::Start::kOfServer, context, recorder);
  const std::string ping = Frame(FrameType::kPing, 0, 0, "pingpong");
  parser.Feed(ping.substr(0, 12), kKtime);
  parser.Gap(5, kKtime);
  parser.Feed(Settings(), kKtime);
  EXPECT_EQ(recorder.lines, (std::vector<std::string>{"PING - 0 8 lost", "SETTINGS - 0 0"}));
  parser.Finish(StreamEnd::kClosed);
}

}  // namespace
}  // namespace tlscope
