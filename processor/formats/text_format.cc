// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/text_format.h"

#include <algorithm>
#include <cstddef>
#include <variant>

#include "processor/formats/text_body.h"

namespace tlscope {
namespace {

// SGR sequences of ECMA-48 8.3.117.
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kRequestColor = "\x1b[1;36m";

std::string_view StartLineColor(const Message& message) {
  if (message.status == 0) return kRequestColor;
  if (message.status < 300) return "\x1b[1;32m";
  if (message.status < 400) return "\x1b[1;34m";
  if (message.status < 500) return "\x1b[1;33m";
  return "\x1b[1;31m";
}

}  // namespace

TextFormat::TextFormat(const TextFormatOptions& options)
    : options_(options), header_(options.realtime_offset_ns) {}

void TextFormat::Append(const BusPayload& payload, std::string& out) {
  if (const auto* message = std::get_if<MessageEvent>(&payload)) {
    AppendMessage(*message, out);
  } else {
    header_.AppendOther(payload, agent(), out);
  }
}

std::string TextFormat::Dropped(std::uint64_t blocks, std::uint64_t bytes) const {
  return TextDropMarker(blocks, bytes);
}

void TextFormat::AppendMessage(const MessageEvent& event, std::string& out) {
  const Message& message = event.message;
  out.reserve(out.size() + HeaderLine::kUsualBytes + MessageBytes(message));
  const TextBody body(message, options_);
  if (options_.color) out += kDim;
  header_.AppendMessage(event, agent(), out);
  body.AppendFields(out);
  if (options_.color) out += kReset;
  out.push_back('\n');

  AppendHead(message, out);
  body.Append(out);
  AppendText(message.trailers, options_, out);
  out.push_back('\n');
}

void TextFormat::AppendHead(const Message& message, std::string& out) const {
  std::string_view head = message.head;
  if (options_.color && !head.empty()) {
    const std::size_t end = std::min(head.find_first_of("\r\n"), head.size());
    out += StartLineColor(message);
    AppendText(head.substr(0, end), options_, out);
    out += kReset;
    head.remove_prefix(end);
  }
  AppendText(head, options_, out);
}

}  // namespace tlscope
