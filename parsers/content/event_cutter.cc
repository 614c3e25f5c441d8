// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/event_cutter.h"

#include <algorithm>
#include <utility>

#include "parsers/core/field_syntax.h"

namespace tlscope::content {

PartRule PartRuleOf(std::string_view content_type) {
  // RFC 9110 8.3.1: parameters begin with a semicolon.
  const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
  if (EqualsIgnoreCase(type, "text/event-stream")) return PartRule::kEvents;
  if (EqualsIgnoreCase(type, "application/x-ndjson")) return PartRule::kLines;
  if (EqualsIgnoreCase(type, "application/json-seq")) return PartRule::kLines;
  if (EqualsIgnoreCase(type, "multipart/x-mixed-replace")) return PartRule::kPauses;
  constexpr std::string_view kGrpcWeb = "application/grpc-web";
  const bool grpc_web = EqualsIgnoreCase(type.substr(0, kGrpcWeb.size()), kGrpcWeb);
  return grpc_web ? PartRule::kPauses : PartRule::kWhole;
}

std::size_t EventCutter::Find(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const char byte = bytes[at];
    const bool second_half = std::exchange(after_cr_, false) && byte == '\n';
    if (std::exchange(end_at_hand_, false)) return second_half ? at + 1 : at;
    if (second_half) {
      ++at;
      continue;
    }
    if (byte != '\n' && byte != '\r') {
      line_empty_ = false;
      has_event_ = true;
      at = std::min(bytes.find_first_of("\r\n", at), bytes.size());
      continue;
    }
    ++at;
    after_cr_ = byte == '\r';
    const bool ends = line_empty_ && has_event_;
    line_empty_ = true;
    if (ends) has_event_ = false;
    if (ends && !after_cr_) return at;
    end_at_hand_ = ends;
  }
  return kNone;
}

}  // namespace tlscope::content
