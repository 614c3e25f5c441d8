// SPDX-License-Identifier: Apache-2.0
//
// Both directions of an HTTP/2 connection under a schedule of pieces, losses and pauses: frames,
// HPACK, streams, gRPC.
//
// Input: start, what the client sends, kSeparator, what the server sends, a schedule of n bytes, n.
// Bit 0 of start: the client is joined late; bit 1: the server is. parser_fuzzing.h has the
// schedule.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/http2/http2_parser.h"
#include "parsers/parser_registry.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/parser_fuzzing.h"

namespace tlscope {
namespace {

constexpr ParserLimits kLimits{.body_bytes = 4096, .head_bytes = 2048, .decoded_bytes = 16384};
// A head's last lines may say that it is cut or broken.
constexpr std::size_t kMaxHeadBytes = kLimits.head_bytes + 128;
constexpr fuzzing::Budgets kBudgets{.ample_bytes = 64U << 20, .tight_bytes = 6000};

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
    fuzzing::CheckMessage(message, kLimits, kMaxHeadBytes);
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
  bool operator==(const Recorder& other) const {
    return messages == other.messages && details == other.details;
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
  input.schedule = fuzzing::TakeSchedule(data);
  const std::size_t separator = data.find(fuzzing::kSeparator);
  input.client = data.substr(0, separator);
  if (separator != std::string_view::npos) {
    input.server = data.substr(separator + fuzzing::kSeparator.size());
  }
  return input;
}

class Run {
 public:
  /// `grain_bytes`: no call feeds more.
  Run(const Input& input, std::uint64_t budget_bytes, std::size_t grain_bytes)
      : budget_(budget_bytes),
        context_{kLimits, budget_},
        client_parser_((input.start & 1U) != 0 ? http2::Start::kLate : http2::Start::kOfClient,
                       context_, of_client_),
        server_parser_((input.start & 2U) != 0 ? http2::Start::kLate : http2::Start::kOfServer,
                       context_, of_server_),
        client_(client_parser_, input.client, grain_bytes),
        server_(server_parser_, input.server, grain_bytes) {
    fuzzing::Play(input.schedule, client_, server_, [this] {
      const std::size_t held = client_parser_.held_bytes() + server_parser_.held_bytes();
      Check(held == budget_.used_bytes(), "what is held is in the budget");
    });
    Check(!client_.upgraded() && !server_.upgraded(), "never an upgrade");
    Check(budget_.used_bytes() == 0, "the budget has everything back at the end");
  }

  bool operator==(const Run& other) const {
    return of_client_ == other.of_client_ && of_server_ == other.of_server_;
  }

 private:
  ByteBudget budget_;
  ParserContext context_;
  Recorder of_client_;
  Recorder of_server_;
  http2::Http2Parser client_parser_;
  http2::Http2Parser server_parser_;
  fuzzing::FedDirection client_;
  fuzzing::FedDirection server_;
};

}  // namespace
}  // namespace tlscope

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tlscope::fuzzing::CheckEverySplit<tlscope::Run>(
      tlscope::Split(std::string_view(reinterpret_cast<const char*>(data), size)),
      tlscope::kBudgets);
  return 0;
}
