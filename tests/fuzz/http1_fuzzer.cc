// SPDX-License-Identifier: Apache-2.0
//
// Both directions of a connection under a schedule of pieces, losses and pauses.
//
// Input: requests, kSeparator, responses, a schedule of n bytes, n. A plain capture of one
// direction is an input too. parser_fuzzing.h has the schedule.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/http1/http1_parser.h"
#include "parsers/parser_registry.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/parser_fuzzing.h"

namespace tlscope {
namespace {

constexpr ParserLimits kLimits{
    .body_bytes = 4096, .head_bytes = 2048, .decode_content = true, .decoded_bytes = 1U << 16};
constexpr fuzzing::Budgets kBudgets{.ample_bytes = 1U << 20, .tight_bytes = 600};

class Recorder final : public MessageHandler {
 public:
  void OnMessage(Message&& message) override {
    fuzzing::CheckMessage(message, kLimits, kLimits.head_bytes);
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
  input.schedule = fuzzing::TakeSchedule(data);
  const std::size_t separator = data.find(fuzzing::kSeparator);
  if (separator != std::string_view::npos) {
    input.requests = data.substr(0, separator);
    input.responses = data.substr(separator + fuzzing::kSeparator.size());
  } else if (data.starts_with("HTTP/")) {
    input.responses = data;
  } else {
    input.requests = data;
  }
  return input;
}

class Run {
 public:
  /// `grain_bytes`: no call feeds more.
  Run(const Input& input, std::uint64_t budget_bytes, std::size_t grain_bytes)
      : budget_(budget_bytes),
        context_{kLimits, budget_, {}},
        request_parser_(http1::Role::kRequest, context_, requests_),
        response_parser_(http1::Role::kResponse, context_, responses_),
        request_(request_parser_, input.requests, grain_bytes),
        response_(response_parser_, input.responses, grain_bytes) {
    fuzzing::Play(input.schedule, request_, response_, [this] { CheckHeld(); });
    CheckBytes(requests_, request_);
    CheckBytes(responses_, response_);
    Check(budget_.used_bytes() == 0, "the budget has everything back at the end");
  }

  bool operator==(const Run& other) const {
    return requests_.messages == other.requests_.messages &&
           responses_.messages == other.responses_.messages &&
           request_.rest() == other.request_.rest() && response_.rest() == other.response_.rest();
  }

 private:
  void CheckHeld() const {
    const std::size_t held = request_parser_.held_bytes() + response_parser_.held_bytes();
    Check(held == budget_.used_bytes() || request_.upgraded() || response_.upgraded(),
          "what is held is in the budget");
    Check(held <= 16 * (kLimits.body_bytes + kLimits.head_bytes), "what is held is bounded");
  }

  static void CheckBytes(const Recorder& out, const fuzzing::FedDirection& direction) {
    Check(out.bytes + direction.rest().size() <= direction.given(),
          "nothing comes out that did not go in");
  }

  ByteBudget budget_;
  ParserContext context_;
  Recorder requests_;
  Recorder responses_;
  http1::Http1Parser request_parser_;
  http1::Http1Parser response_parser_;
  fuzzing::FedDirection request_;
  fuzzing::FedDirection response_;
};

}  // namespace
}  // namespace tlscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tlscope::fuzzing::CheckEverySplit<tlscope::Run>(
      tlscope::Split(std::string_view(reinterpret_cast<const char*>(data), size)),
      tlscope::kBudgets);
  return 0;
}
