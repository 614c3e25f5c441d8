// SPDX-License-Identifier: Apache-2.0
//
// Both directions of an HTTP/2 connection under a schedule of pieces, losses and pauses: frames,
// HPACK, streams, gRPC.
//
// Input: start, what the client sends, kSeparator, what the server sends, a schedule of n bytes, n.
// Bit 0 of start: the client is joined late; bit 1: the server is. Each schedule byte is one
// action: which direction, feed or lose or flush, how much.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/http2/http2_parser.h"
#include "parsers/parser_registry.h"
#include "tests/fuzz/check.h"

namespace tlscope {
namespace {

constexpr std::string_view kSeparator = "\n\xff\xff\n";
constexpr ParserLimits kLimits{.body_bytes = 4096, .head_bytes = 2048, .decoded_bytes = 16384};
// A head's last lines may say that it is cut or broken.
constexpr std::size_t kMaxHeadBytes = kLimits.head_bytes + 128;
constexpr std::uint64_t kAmpleBytes = 64U << 20;
constexpr std::uint64_t kTightBytes = 6000;

/// Header lines are whole and one field each.
void CheckLines(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    Check(end != std::string_view::npos && end != 0 && lines[end - 1] == '\r', "a line ends");
    Check(lines.substr(0, end - 1).find_first_of("\r\n") == std::string_view::npos, "one field");
    lines.remove_prefix(end + 1);
  }
}

class Recorder final : public MessageHandler {
 public:
  void OnMessage(Message&& message) override {
    std::uint64_t lost = 0;
    std::uint64_t position = 0;
    for (const BodyGap& gap : message.gaps) {
      Check(gap.position >= position && gap.position <= message.body.size(), "gaps are in order");
      position = gap.position;
      lost += gap.bytes;
    }
    const std::uint64_t shown = message.body.size() + lost + message.cut_bytes;
    if (message.part == 0 && message.decoded_from.empty()) {
      Check(message.content_bytes == shown, "content is body, gaps and cut");
    }
    Check(message.body.size() <= kLimits.body_bytes, "the body is within its limit");
    Check(message.head.size() <= kMaxHeadBytes, "the head is within its limit");
    Check(message.gaps.empty() || !message.complete, "a message with gaps is not complete");
    Check(message.part != 0 || !message.last_part, "only parts are last");
    Check(message.head.empty() || message.part <= 1, "the first part has the head");
    CheckLines(message.head);
    CheckLines(message.trailers);
    // Of a message in parts it is the last that tells how much there was.
    if (message.part != 0 && !message.last_part) message.content_bytes = 0;
    messages.push_back(std::move(message));
  }
  bool WantsFrames() const override { return true; }
  void OnFrame(const FrameRecord& frame) override {
    Check(!frame.type.empty() && !frame.flags.empty(), "a frame has a type and flags");
    details.emplace_back(frame.detail);
  }
  std::vector<Message> messages;
  std::vector<std::string> details;
};

struct Input {
  unsigned start = 0;
  std::string_view client;
  std::string_view server;
  std::string_view schedule;
};

Input Split(std::string_view data) {
  Input input;
  if (data.empty()) return input;
  input.start = static_cast<unsigned char>(data.front());
  data.remove_prefix(1);
  if (!data.empty()) {
    const std::size_t size = static_cast<unsigned char>(data.back()) % data.size();
    data.remove_suffix(1);
    input.schedule = data.substr(data.size() - size);
    data.remove_suffix(size);
  }
  const std::size_t separator = data.find(kSeparator);
  input.client = data.substr(0, separator);
  if (separator != std::string_view::npos) {
    input.server = data.substr(separator + kSeparator.size());
  }
  return input;
}

/// One direction: its bytes not fed yet, and what became of the others.
struct Direction {
  Direction(http2::Start start, std::string_view bytes, ParserContext& context)
      : parser(start, context, out), left(bytes) {}

  std::string_view Next(std::size_t size) {
    const std::string_view piece = left.substr(0, size);
    left.remove_prefix(piece.size());
    return piece;
  }

  Recorder out;
  http2::Http2Parser parser;
  std::string_view left;
};

class Run {
 public:
  /// `grain_bytes`: no call feeds more.
  Run(const Input& input, std::uint64_t budget_bytes, std::size_t grain_bytes)
      : budget_(budget_bytes),
        context_{kLimits, budget_},
        client_((input.start & 1U) != 0 ? http2::Start::kLate : http2::Start::kOfClient,
                input.client, context_),
        server_((input.start & 2U) != 0 ? http2::Start::kLate : http2::Start::kOfServer,
                input.server, context_),
        grain_bytes_(grain_bytes) {
    for (const char action : input.schedule) Act(static_cast<unsigned char>(action));
    for (Direction* direction : {&client_, &server_}) Feed(*direction, direction->left.size());
    for (Direction* direction : {&client_, &server_}) {
      direction->parser.Finish(StreamEnd::kClosed);
    }
    Check(budget_.used_bytes() == 0, "the budget has everything back at the end");
  }

  bool operator==(const Run& other) const {
    return client_.out.messages == other.client_.out.messages &&
           server_.out.messages == other.server_.out.messages &&
           client_.out.details == other.client_.out.details &&
           server_.out.details == other.server_.out.details;
  }

 private:
  void Act(unsigned action) {
    Direction& direction = (action & 1U) != 0 ? client_ : server_;
    const std::size_t size = 1 + (action >> 3U) * (action >> 3U);
    switch (action >> 1U & 3U) {
      case 0:
      case 1:
        Feed(direction, size);
        break;
      case 2:
        Lose(direction, size);
        break;
      default:
        direction.parser.Flush();
        break;
    }
    const std::size_t held = client_.parser.held_bytes() + server_.parser.held_bytes();
    Check(held == budget_.used_bytes(), "what is held is in the budget");
  }

  void Feed(Direction& direction, std::size_t size) {
    std::string_view bytes = direction.Next(size);
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, grain_bytes_);
      bytes.remove_prefix(piece.size());
      Check(direction.parser.Feed(piece, 1) == ParseStatus::kNeedMore, "never invalid");
    }
  }

  void Lose(Direction& direction, std::size_t size) {
    const std::string_view lost = direction.Next(size);
    if (lost.empty()) return;
    Check(direction.parser.Gap(lost.size(), 1) == ParseStatus::kNeedMore, "never invalid");
  }

  ByteBudget budget_;
  ParserContext context_;
  Direction client_;
  Direction server_;
  std::size_t grain_bytes_;
};

}  // namespace
}  // namespace tlscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tlscope::Run;
  const tlscope::Input input =
      tlscope::Split(std::string_view(reinterpret_cast<const char*>(data), size));
  const Run whole(input, tlscope::kAmpleBytes, size + 1);
  const Run bytewise(input, tlscope::kAmpleBytes, 1);
  tlscope::Check(whole == bytewise, "the split of the calls makes no difference");
  const Run tight(input, tlscope::kTightBytes, 7);
  return 0;
}
