// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/text_body.h"

#include <algorithm>
#include <cstdint>

#include "parsers/core/header_field.h"
#include "processor/reflection/protobuf_text.h"
#include "processor/reflection/protoset.h"
#include "processor/text/decimal.h"
#include "processor/text/hex_dump.h"
#include "processor/text/json_pretty.h"
#include "processor/text/printable.h"

namespace tlscope {
namespace {

void AppendGapMarker(std::uint64_t bytes, std::string& out) {
  out += "\n[tlscope: ";
  if (bytes != 0) {
    AppendDecimal(bytes, out);
    out.push_back(' ');
  }
  out += "bytes lost]\n";
}

// `type/subtype` of RFC 9110 8.3.1, in lower case and without parameters; no longer than any real
// one, since it is printed.
std::string MediaType(const Message& message) {
  constexpr std::size_t kLongest = 127;  // RFC 6838 4.2, per name; enough for both
  std::string type(FindField(message.head, "content-type").substr(0, kLongest));
  type.resize(std::min(type.find_first_of("; \t"), type.size()));
  std::transform(type.begin(), type.end(), type.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
  });
  return type;
}

// Types that are text in whatever character set, so that a body in Latin-1 is still shown.
bool IsTextType(std::string_view type) {
  return type.starts_with("text/") || type.ends_with("json") || type.ends_with("xml") ||
         type.ends_with("javascript") || type == "application/x-www-form-urlencoded";
}

}  // namespace

void AppendText(std::string_view bytes, const TextFormatOptions& options, std::string& out) {
  if (options.escape_control) {
    AppendForTerminal(bytes, out);
  } else {
    out += bytes;
  }
}

TextBody::TextBody(const Message& message, const TextFormatOptions& options)
    : message_(message), options_(options), shape_(ChooseShape()) {}

TextBody::Shape TextBody::ChooseShape() {
  const std::string_view body = message_.body;
  if (body.empty()) return Shape::kText;
  if (options_.body_view == BodyView::kHex) return Shape::kHex;
  const bool whole = message_.gaps.empty() && message_.cut_bytes == 0;
  if (message_.grpc && whole && options_.body_view == BodyView::kAuto) return ChooseRpcShape();
  if (options_.pretty_json && whole && AppendPrettyJson(body, pretty_)) return Shape::kPretty;
  if (options_.body_view == BodyView::kShow || IsPrintableText(body)) return Shape::kText;
  if (message_.parser == ParserType::kUnknown || message_.head.empty()) return Shape::kHex;
  return IsTextType(MediaType(message_)) ? Shape::kText : Shape::kHidden;
}

TextBody::Shape TextBody::ChooseRpcShape() {
  if (options_.protoset && options_.protoset->AppendJson(message_, pretty_)) return Shape::kJson;
  return AppendProtobufText(message_.body, pretty_) ? Shape::kFields : Shape::kHex;
}

void TextBody::AppendFields(std::string& out) const {
  switch (shape_) {
    case Shape::kText:
      break;
    case Shape::kHex:
      out += ", Hex:true";
      break;
    case Shape::kPretty:
      out += ", Pretty:true";
      break;
    case Shape::kJson:
      out += ", View:json";
      break;
    case Shape::kFields:
      out += ", View:fields";
      break;
    case Shape::kHidden:
      out += ", Hidden:";
      AppendDecimal(message_.body.size(), out);
      break;
  }
}

void TextBody::Append(std::string& out) const {
  if (!pretty_.empty()) {
    AppendText(pretty_, options_, out);
  } else if (shape_ == Shape::kHidden) {
    AppendHidden(out);
  } else {
    AppendWithGaps(out);
  }
  if (message_.cut_bytes == 0) return;
  out += "\n[tlscope: ";
  AppendDecimal(message_.cut_bytes, out);
  out += " bytes cut by ";
  out += options_.cut_by;
  out.push_back(']');
  if (!message_.trailers.empty()) out.push_back('\n');
}

void TextBody::AppendWithGaps(std::string& out) const {
  std::size_t shown = 0;
  for (const BodyGap& gap : message_.gaps) {
    const std::size_t position =
        std::clamp<std::uint64_t>(gap.position, shown, message_.body.size());
    AppendPiece(shown, position, out);
    shown = position;
    AppendGapMarker(gap.bytes, out);
  }
  AppendPiece(shown, message_.body.size(), out);
}

void TextBody::AppendPiece(std::size_t from, std::size_t to, std::string& out) const {
  const std::string_view piece = std::string_view(message_.body).substr(from, to - from);
  if (shape_ == Shape::kHex) {
    AppendHexDump(piece, from, out);
  } else {
    AppendText(piece, options_, out);
  }
}

void TextBody::AppendHidden(std::string& out) const {
  const std::string type = MediaType(message_);
  out += "[tlscope: ";
  AppendDecimal(message_.body.size(), out);
  out += " bytes of ";
  AppendText(type.empty() ? "binary data" : type, options_, out);
  out += "; --binary=show or --hex prints them]";
  for (const BodyGap& gap : message_.gaps) AppendGapMarker(gap.bytes, out);
}

}  // namespace tlscope
