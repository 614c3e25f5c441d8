// SPDX-License-Identifier: Apache-2.0
//
// The parser of last resort: whatever the pieces, losses and limits, every byte comes out or is
// counted, in order.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/parser_registry.h"
#include "parsers/raw/raw_parser.h"
#include "tests/fuzz/check.h"

namespace {

using tlscope::Check;

using tlscope::Message;

class Recorder final : public tlscope::MessageHandler {
 public:
  void OnMessage(Message&& message) override {
    std::uint64_t lost = 0;
    for (const tlscope::BodyGap& gap : message.gaps) lost += gap.bytes;
    Check(message.content_bytes == message.body.size() + lost + message.cut_bytes,
          "content is body, gaps and cut");
    bytes += message.body;
    content_bytes += message.content_bytes;
    cut_bytes += message.cut_bytes;
  }
  std::string bytes;
  std::uint64_t content_bytes = 0;
  std::uint64_t cut_bytes = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  tlscope::ByteBudget budget(std::uint64_t{1024} * data[0]);
  tlscope::ParserContext context{{.body_bytes = std::uint64_t{256} * data[1]}, budget, {}};
  Recorder out;
  std::string fed;
  std::uint64_t given = 0;
  {
    tlscope::raw::RawParser parser(context, out);
    std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    while (!bytes.empty()) {
      const auto action = static_cast<unsigned char>(bytes.front());
      const std::size_t piece = std::min<std::size_t>(bytes.size(), 1 + (action >> 2U));
      if ((action & 3U) == 0) {
        parser.Gap(piece, 1);
        given += piece;
      } else {
        // Repeated, so that short inputs fill whole messages too.
        std::string text;
        for (int i = 0; i < 40; ++i) text += bytes.substr(0, piece);
        parser.Feed(text, 1);
        fed += text;
        given += text.size();
      }
      if ((action & 3U) == 1) parser.Flush();
      bytes.remove_prefix(piece);
      Check(parser.held_bytes() == budget.used_bytes(), "what is held is in the budget");
      Check(parser.held_bytes() <= 4 * tlscope::raw::RawParser::kMessageBytes, "it is bounded");
    }
    parser.Finish(tlscope::StreamEnd::kIdle);
  }
  Check(budget.used_bytes() == 0, "the budget has everything back");
  Check(out.content_bytes == given, "everything is counted");
  Check(out.cut_bytes != 0 || out.bytes == fed, "what is not cut comes out in order");
  return 0;
}
