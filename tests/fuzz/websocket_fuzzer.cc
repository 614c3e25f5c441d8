// SPDX-License-Identifier: Apache-2.0
//
// One direction of a WebSocket under a schedule of pieces and losses.
//
// Input: frames, a byte for the extensions agreed to, a byte for the schedule.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/parser_registry.h"
#include "parsers/websocket/websocket_parser.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/parser_fuzzing.h"

namespace tlscope::websocket {
namespace {

using tlscope::Check;

constexpr ParserLimits kLimits{
    .body_bytes = 4096, .head_bytes = 2048, .decode_content = true, .decoded_bytes = 1U << 16};
constexpr std::uint64_t kAmpleBytes = 1U << 20;

class Recorder final : public MessageHandler {
 public:
  void OnMessage(Message&& message) override {
    fuzzing::CheckMessage(message, kLimits, 0);
    Check(message.body.size() + message.cut_bytes <= kLimits.decoded_bytes ||
              message.decoded_from.empty(),
          "a decoded message is within its limit");
    const bool frame = message.parser == ParserType::kWebSocket;
    Check(frame == (message.frame != FrameKind::kNone), "a frame has a kind");
    Check(frame || !message.complete, "what is no frame is not complete");
    Check(message.close_code == 0 || message.frame == FrameKind::kClose, "only a close has a code");
    messages.push_back(std::move(message));
  }
  std::vector<Message> messages;
};

struct Input {
  std::string_view frames;
  Extensions extensions;
  std::size_t grain = 1;
  std::size_t lost_at = 0;
};

Input Split(std::string_view data) {
  const auto agreed = static_cast<unsigned char>(data[data.size() - 2]);
  const auto schedule = static_cast<unsigned char>(data.back());
  Input input;
  input.frames = data.substr(0, data.size() - 2);
  input.extensions.deflate = (agreed & 1U) == 0;
  for (DeflateSide* side : {&input.extensions.client, &input.extensions.server}) {
    side->no_context_takeover = (agreed & 2U) != 0;
  }
  input.grain = 1 + (schedule & 15U) * (schedule & 15U);
  input.lost_at = input.frames.size() * (schedule >> 4U) / 16;
  return input;
}

struct Outcome {
  std::vector<Message> messages;
  bool invalid = false;
  std::string rest;
  bool operator==(const Outcome&) const = default;
};

/// `lost_bytes` from `lost_at` on do not come.
Outcome Read(const Input& input, std::size_t grain, std::size_t lost_at, std::size_t lost_bytes,
             std::uint64_t budget_bytes) {
  ByteBudget budget(budget_bytes);
  ParserContext context{kLimits, budget, {}};
  context.http1.OnUpgrade(http1::UpgradeKind::kSwitched, "websocket", input.extensions);
  Recorder recorder;
  Outcome outcome;
  {
    WebSocketParser parser(context, recorder);
    std::string_view left = input.frames;
    while (!left.empty() && !outcome.invalid) {
      const std::size_t at = input.frames.size() - left.size();
      const bool losing = lost_bytes != 0 && at == lost_at;
      std::size_t size = std::min(losing ? lost_bytes : grain, left.size());
      if (lost_bytes != 0 && at < lost_at) size = std::min(size, lost_at - at);
      const ParseStatus status =
          losing ? parser.Gap(size, 1) : parser.Feed(left.substr(0, size), 1);
      Check(status != ParseStatus::kUpgrade, "never an upgrade");
      outcome.invalid = status == ParseStatus::kInvalid;
      left.remove_prefix(size);
      Check(outcome.invalid || parser.held_bytes() == budget.used_bytes(),
            "what is held is in the budget");
      Check(parser.held_bytes() <= kAmpleBytes, "what is held is bounded");
    }
    if (outcome.invalid) {
      outcome.rest = parser.TakeRest().append(left);
      Check(parser.held_bytes() == 0, "nothing is held after the end");
    } else {
      parser.Finish(StreamEnd::kClosed);
    }
  }
  Check(budget.used_bytes() == 0, "the budget has everything back at the end");
  outcome.messages = std::move(recorder.messages);
  return outcome;
}

/// Messages before the one with the loss are the same; decoded ones after it are right or say so.
void CheckLossy(const Outcome& whole, const Outcome& lossy) {
  if (lossy.invalid || whole.invalid || lossy.messages.size() != whole.messages.size()) return;
  for (std::size_t at = 0; at < whole.messages.size(); ++at) {
    const Message& got = lossy.messages[at];
    if (got.decoded_from.empty() || !got.decode_error.empty()) continue;
    Check(got.body == whole.messages[at].body || !whole.messages[at].decode_error.empty(),
          "what is decoded after a loss is right");
  }
}

void RunAll(const Input& input) {
  const Outcome whole = Read(input, input.frames.size() + 1, 0, 0, kAmpleBytes);
  for (const std::size_t grain : {std::size_t{1}, input.grain}) {
    Check(Read(input, grain, 0, 0, kAmpleBytes) == whole, "the split makes no difference");
  }
  CheckLossy(whole, Read(input, input.grain, input.lost_at, 1 + input.grain % 7, kAmpleBytes));
  Read(input, input.grain, 0, 0, 5'000);
}

}  // namespace
}  // namespace tlscope::websocket

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  tlscope::websocket::RunAll(
      tlscope::websocket::Split(std::string_view(reinterpret_cast<const char*>(data), size)));
  return 0;
}
