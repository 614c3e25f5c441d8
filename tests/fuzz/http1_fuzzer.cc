// SPDX-License-Identifier: Apache-2.0
//
// Both directions of a connection under a schedule of pieces, losses and pauses.
//
// Input: requests, kSeparator, responses, a schedule of n bytes, n. A plain capture of one
// direction is an input too. Each schedule byte is one action: which direction, feed or lose or
// flush, how much.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/http1/http1_parser.h"
#include "parsers/parser_registry.h"
#include "tests/fuzz/check.h"

namespace tlscope {
namespace {

constexpr std::string_view kSeparator = "\n\xff\xff\n";
constexpr ParserLimits kLimits{
    .body_bytes = 4096, .head_bytes = 2048, .decode_content = true, .decoded_bytes = 1U << 16};
constexpr std::uint64_t kAmpleBytes = 1U << 20;
constexpr std::uint64_t kTightBytes = 600;

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
    const bool as_sent = message.decoded_from.empty() && message.part == 0;
    Check(!as_sent || message.content_bytes == message.body.size() + lost + message.cut_bytes,
          "content is body, gaps and cut");
    Check(message.body.size() <= kLimits.body_bytes, "the body is within its limit");
    Check(message.head.size() <= kLimits.head_bytes, "the head is within its limit");
    Check(message.gaps.empty() || !message.complete, "a message with gaps is not complete");
    CheckParts(message);
    CheckExchange(message);
    bytes += message.head.size() + message.trailers.size();
    if (message.part == 0 || message.last_part) bytes += message.content_bytes;
    messages.push_back(std::move(message));
  }
  std::vector<Message> messages;
  std::uint64_t bytes = 0;  ///< of heads, trailers and content, lost content included

 private:
  void CheckParts(const Message& message) {
    Check(message.part == (parts_ == 0 ? message.part & 1U : parts_ + 1), "parts are in sequence");
    Check(message.part <= 1 || message.head.empty(), "only the first part has the head");
    Check(message.part != 0 || !message.last_part, "a whole message is no part");
    parts_ = message.last_part ? 0 : message.part;
  }

  void CheckExchange(const Message& message) {
    if (message.exchange == 0) return;
    Check(message.exchange >= exchange_, "exchanges come in order");
    const bool again = message.exchange == exchange_ && answered_ && message.part <= 1;
    Check(!again, "an exchange has one request and one final response");
    exchange_ = message.exchange;
    answered_ = message.parser == ParserType::kHttp1Request || message.status >= 200;
  }

  std::uint32_t parts_ = 0;  ///< of the message that is under way
  std::uint64_t exchange_ = 0;
  bool answered_ = false;
};

struct Input {
  std::string_view requests;
  std::string_view responses;
  std::string_view schedule;
};

Input Split(std::string_view data) {
  Input input;
  if (!data.empty()) {
    const std::size_t size = static_cast<unsigned char>(data.back()) % data.size();
    data.remove_suffix(1);
    input.schedule = data.substr(data.size() - size);
    data.remove_suffix(size);
  }
  const std::size_t separator = data.find(kSeparator);
  if (separator != std::string_view::npos) {
    input.requests = data.substr(0, separator);
    input.responses = data.substr(separator + kSeparator.size());
  } else if (data.starts_with("HTTP/")) {
    input.responses = data;
  } else {
    input.requests = data;
  }
  return input;
}

/// One direction: its bytes not fed yet, and what became of the others.
struct Direction {
  Direction(http1::Role role, std::string_view bytes, ParserContext& context)
      : parser(role, context, out), left(bytes) {}

  std::string_view Next(std::size_t size) {
    const std::string_view piece = left.substr(0, size);
    left.remove_prefix(piece.size());
    given += piece.size();
    return piece;
  }

  Recorder out;
  http1::Http1Parser parser;
  std::string_view left;
  std::uint64_t given = 0;
  bool upgraded = false;
  std::string rest;
};

class Run {
 public:
  /// `grain_bytes`: no call feeds more.
  Run(const Input& input, std::uint64_t budget_bytes, std::size_t grain_bytes)
      : budget_(budget_bytes),
        context_{kLimits, budget_, {}},
        request_(http1::Role::kRequest, input.requests, context_),
        response_(http1::Role::kResponse, input.responses, context_),
        grain_bytes_(grain_bytes) {
    for (const char action : input.schedule) Act(static_cast<unsigned char>(action));
    for (Direction* direction : {&request_, &response_}) {
      Feed(*direction, direction->left.size());
      if (!direction->upgraded) direction->parser.Finish(StreamEnd::kClosed);
      Check(direction->out.bytes + direction->rest.size() <= direction->given,
            "nothing comes out that did not go in");
    }
    Check(budget_.used_bytes() == 0, "the budget has everything back at the end");
  }

  bool operator==(const Run& other) const {
    return request_.out.messages == other.request_.out.messages &&
           response_.out.messages == other.response_.out.messages &&
           request_.rest == other.request_.rest && response_.rest == other.response_.rest;
  }

 private:
  void Act(unsigned action) {
    Direction& direction = (action & 1U) != 0 ? request_ : response_;
    const std::size_t size = 1 + (action >> 3U) * (action >> 3U);
    if (direction.upgraded) return;
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
    const std::size_t held = request_.parser.held_bytes() + response_.parser.held_bytes();
    Check(held == budget_.used_bytes() || request_.upgraded || response_.upgraded,
          "what is held is in the budget");
    Check(held <= 16 * (kLimits.body_bytes + kLimits.head_bytes), "what is held is bounded");
  }

  void Feed(Direction& direction, std::size_t size) {
    std::string_view bytes = direction.Next(size);
    while (!bytes.empty() && !direction.upgraded) {
      const std::string_view piece = bytes.substr(0, grain_bytes_);
      bytes.remove_prefix(piece.size());
      Note(direction, direction.parser.Feed(piece, 1));
    }
    if (direction.upgraded) {
      direction.rest += bytes;
      direction.rest += direction.Next(direction.left.size());
    }
  }

  void Lose(Direction& direction, std::size_t size) {
    const std::string_view lost = direction.Next(size);
    if (lost.empty()) return;
    Note(direction, direction.parser.Gap(lost.size(), 1));
  }

  static void Note(Direction& direction, ParseStatus status) {
    Check(status != ParseStatus::kInvalid, "HTTP/1.x is never invalid");
    if (status != ParseStatus::kUpgrade) return;
    direction.upgraded = true;
    direction.rest = direction.parser.TakeRest();
    Check(direction.parser.held_bytes() == 0, "nothing is held after an upgrade");
  }

  ByteBudget budget_;
  ParserContext context_;
  Direction request_;
  Direction response_;
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
