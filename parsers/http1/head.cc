// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/head.h"

#include <cstring>
#include <optional>

#include "parsers/http1/start_line.h"

namespace tlscope::http1 {

HeadReader::Result HeadReader::Read(std::string_view bytes) {
  for (;;) {
    const std::size_t end = bytes.find('\n', scanned_);
    if (end == std::string_view::npos) {
      scanned_ = bytes.size();
      // Bytes that cannot become a start line are not worth waiting for.
      const bool hopeless = line_begin_ == 0 && !MayBeginStartLine(role_, bytes);
      return hopeless ? Result::kInvalid : Result::kNeedMore;
    }
    const std::size_t text_end = end > line_begin_ && bytes[end - 1] == '\r' ? end - 1 : end;
    const std::string_view line = bytes.substr(line_begin_, text_end - line_begin_);
    if (line_begin_ == 0) {
      if (!ReadStartLine(line)) return Result::kInvalid;
    } else if (line.empty()) {
      CloseField(bytes);
      line_begin_ = scanned_ = end + 1;
      const bool has_nul = std::memchr(bytes.data(), '\0', end) != nullptr;
      return has_nul ? Result::kInvalid : Result::kWhole;
    } else if (!ReadFieldLine(bytes, text_end)) {
      return Result::kInvalid;
    }
    line_begin_ = scanned_ = end + 1;
  }
}

bool HeadReader::ReadStartLine(std::string_view line) {
  if (role_ == Role::kResponse) {
    const std::optional<std::uint16_t> status = ParseStatusLine(line);
    status_ = status.value_or(0);
    return status.has_value();
  }
  const std::optional<RequestLine> request = ParseRequestLine(line);
  if (!request) return false;
  // After a loss "helloGET / HTTP/1.1" may be a body's end and the next message's start.
  if (resynchronising_ && !IsKnownMethod(request->method)) return false;
  method_bytes_ = request->method.size();
  target_begin_ = static_cast<std::size_t>(request->target.data() - line.data());
  target_bytes_ = request->target.size();
  return true;
}

bool HeadReader::ReadFieldLine(std::string_view bytes, std::size_t end) {
  const std::string_view line = bytes.substr(line_begin_, end - line_begin_);
  if (IsFold(line)) {
    value_end_ = end;
    return true;
  }
  CloseField(bytes);
  const std::size_t name = FieldNameLength(role_, line);
  if (name == 0) return false;
  field_kind_ = FramingFields::Classify(line.substr(0, name));
  if (field_kind_ == FramingFields::Kind::kOther) return true;
  value_begin_ = line_begin_ + line.find(':', name) + 1;
  value_end_ = end;
  return true;
}

void HeadReader::CloseField(std::string_view bytes) {
  if (field_kind_ == FramingFields::Kind::kOther) return;
  fields_.Add(field_kind_, bytes.substr(value_begin_, value_end_ - value_begin_));
  if (field_kind_ == FramingFields::Kind::kUpgrade) {
    upgrade_begin_ = value_begin_;
    upgrade_bytes_ = value_end_ - value_begin_;
  }
  field_kind_ = FramingFields::Kind::kOther;
}

}  // namespace tlscope::http1
