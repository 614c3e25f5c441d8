// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/framing.h"

#include <limits>
#include <optional>

namespace tlscope::http1 {
namespace {

// RFC 9110 8.6: Content-Length = 1*DIGIT. No sign, and no more than 64 bits.
std::optional<std::uint64_t> ParseLength(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

}  // namespace

FramingFields::Kind FramingFields::Classify(std::string_view name) {
  switch (name.size()) {
    case 7:
      return EqualsIgnoreCase(name, "upgrade") ? Kind::kUpgrade : Kind::kOther;
    case 12:
      return EqualsIgnoreCase(name, "content-type") ? Kind::kContentType : Kind::kOther;
    case 13:
      return EqualsIgnoreCase(name, "content-range") ? Kind::kContentRange : Kind::kOther;
    case 14:
      return EqualsIgnoreCase(name, "content-length") ? Kind::kContentLength : Kind::kOther;
    case 16:
      return EqualsIgnoreCase(name, "content-encoding") ? Kind::kContentEncoding : Kind::kOther;
    case 17:
      return EqualsIgnoreCase(name, "transfer-encoding") ? Kind::kTransferEncoding : Kind::kOther;
    case 24:
      return EqualsIgnoreCase(name, "sec-websocket-extensions") ? Kind::kWebSocketExtensions
                                                                : Kind::kOther;
    default:
      return Kind::kOther;
  }
}

void FramingFields::Add(Kind kind, std::string_view value) {
  switch (kind) {
    case Kind::kOther:
      break;
    case Kind::kContentLength:
      AddContentLength(value);
      break;
    case Kind::kTransferEncoding:
      AddTransferEncoding(value);
      break;
    case Kind::kUpgrade:
      upgrade_ = upgrade_ || !Trim(value).empty();
      break;
    case Kind::kContentEncoding:
      content_codings_.Add(value);
      break;
    case Kind::kContentType:
      part_rule_ = content::PartRuleOf(value);
      break;
    case Kind::kContentRange:
      AddContentRange(value);
      break;
    case Kind::kWebSocketExtensions:
      websocket::AddExtensions(value, extensions_);
      break;
  }
}

void FramingFields::AddContentLength(std::string_view value) {
  for (bool more = true; more;) {
    more = value.find(',') != std::string_view::npos;
    const std::optional<std::uint64_t> length = ParseLength(NextListElement(value));
    // RFC 9112 6.3: a list of one and the same number stands for that number.
    const bool agrees = length && (length_ == Length::kAbsent || content_length_ == *length);
    if (!agrees || length_ == Length::kInvalid) {
      length_ = Length::kInvalid;
      return;
    }
    length_ = Length::kValid;
    content_length_ = *length;
  }
}

void FramingFields::AddTransferEncoding(std::string_view value) {
  while (!value.empty()) {
    const std::string_view coding = NextListElement(value);
    // "identity" was in RFC 2616 and still is sent; it changes nothing.
    if (coding.empty() || EqualsIgnoreCase(coding, "identity")) continue;
    final_coding_ = EqualsIgnoreCase(coding, "chunked") ? Coding::kChunked : Coding::kOther;
    if (final_coding_ == Coding::kOther) transfer_codings_.AddOne(coding);
  }
}

// RFC 9110 14.4: "bytes 0-99/1234".
void FramingFields::AddContentRange(std::string_view value) {
  value = Trim(value);
  constexpr std::string_view kFromZero = "bytes 0-";
  range_from_zero_ = !has_range_ && EqualsIgnoreCase(value.substr(0, kFromZero.size()), kFromZero);
  has_range_ = true;
}

content::CodingList FramingFields::codings() const {
  content::CodingList codings = content_codings_;
  codings.Add(transfer_codings_);
  return codings;
}

BodyKind RequestBody(const FramingFields& fields) {
  if (fields.final_coding() == FramingFields::Coding::kChunked) return BodyKind::kChunked;
  // A request does not end with the connection, or nobody could answer it.
  if (fields.final_coding() == FramingFields::Coding::kOther) return BodyKind::kInvalid;
  if (fields.length() == FramingFields::Length::kInvalid) return BodyKind::kInvalid;
  return fields.content_length() == 0 ? BodyKind::kNone : BodyKind::kLength;
}

BodyKind ResponseBody(const FramingFields& fields, std::uint16_t status,
                      const PendingRequest& request) {
  // RFC 9110 15.2.2: 101 only answers an Upgrade; to any other request it is one more 1xx.
  if (status == 101 && (!request.known() || request.upgrade_asked)) return BodyKind::kSwitch;
  // RFC 9112 6.3 (1), (2): whatever the fields say.
  if (status < 200) return BodyKind::kNone;
  if (request.method == MethodKind::kConnect && status < 300) return BodyKind::kSwitch;
  if (status == 204 || status == 304) return BodyKind::kNone;
  if (request.method == MethodKind::kHead) return BodyKind::kNone;
  // RFC 9112 6.3 (3), (4): Transfer-Encoding overrides Content-Length.
  if (fields.final_coding() == FramingFields::Coding::kChunked) return BodyKind::kChunked;
  if (fields.final_coding() == FramingFields::Coding::kOther) return BodyKind::kUntilClose;
  switch (fields.length()) {
    case FramingFields::Length::kInvalid:
      return BodyKind::kInvalid;
    case FramingFields::Length::kAbsent:
      return BodyKind::kUntilClose;
    case FramingFields::Length::kValid:
      break;
  }
  return fields.content_length() == 0 ? BodyKind::kNone : BodyKind::kLength;
}

}  // namespace tlscope::http1
