// SPDX-License-Identifier: Apache-2.0
#include "parsers/raw/raw_parser.h"

#include <algorithm>

namespace tlscope::raw {

RawParser::RawParser(ParserContext& context, MessageHandler& handler)
    : handler_(handler), message_(context.limits, context.budget) {}

ParseStatus RawParser::Feed(std::string_view bytes, std::uint64_t ktime_ns) {
  while (!bytes.empty()) {
    Message& message = message_.message();
    if (message_.empty()) message.first_ktime_ns = ktime_ns;
    message.last_ktime_ns = ktime_ns;
    const std::string_view piece = bytes.substr(0, kMessageBytes - seen_bytes_);
    message_.Append(piece, 0);
    seen_bytes_ += piece.size();
    bytes.remove_prefix(piece.size());
    if (seen_bytes_ == kMessageBytes) Emit();
  }
  return ParseStatus::kNeedMore;
}

ParseStatus RawParser::Gap(std::uint64_t bytes, std::uint64_t ktime_ns) {
  if (message_.empty()) message_.message().first_ktime_ns = ktime_ns;
  message_.message().last_ktime_ns = ktime_ns;
  message_.AddGap(bytes);
  if (seen_bytes_ != 0) Emit();
  return ParseStatus::kNeedMore;
}

void RawParser::Flush() {
  if (seen_bytes_ != 0) Emit();
}

void RawParser::Finish(StreamEnd /*end*/) {
  if (!message_.empty()) Emit();
}

void RawParser::Reset() {
  message_.Drop();
  seen_bytes_ = 0;
}

void RawParser::Emit() {
  seen_bytes_ = 0;
  message_.Emit(handler_);
}

std::unique_ptr<StreamParser> MakeRawParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<RawParser>(context, handler);
}

}  // namespace tlscope::raw
