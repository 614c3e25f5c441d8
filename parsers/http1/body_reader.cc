// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/body_reader.h"

#include <algorithm>

namespace tlscope::http1 {

void BodyReader::Begin(BodyKind kind, std::uint64_t length) {
  kind_ = kind;
  length_ = remaining_ = length;
  chunked_.Begin();
}

BodyReader::Result BodyReader::Read(std::string_view bytes, MessageBuilder& out) {
  switch (kind_) {
    case BodyKind::kLength:
      return ReadLength(bytes, out);
    case BodyKind::kChunked:
      return ReadChunked(bytes, out);
    case BodyKind::kUntilClose:
      out.Append(bytes, 0);
      return {bytes.size(), Status::kNeedMore};
    case BodyKind::kNone:
    case BodyKind::kSwitch:
    case BodyKind::kInvalid:
      break;
  }
  return {0, Status::kDone};
}

BodyReader::Result BodyReader::Lose(std::uint64_t bytes, MessageBuilder& out) {
  switch (kind_) {
    case BodyKind::kLength:
      return LoseOfLength(bytes, out);
    case BodyKind::kChunked:
      return LoseOfChunked(bytes, out);
    case BodyKind::kUntilClose:
      out.AddGap(bytes);
      return {bytes, Status::kNeedMore};
    case BodyKind::kNone:
    case BodyKind::kSwitch:
    case BodyKind::kInvalid:
      break;
  }
  return {0, Status::kDone};
}

BodyReader::Result BodyReader::ReadLength(std::string_view bytes, MessageBuilder& out) {
  const std::size_t piece = std::min<std::uint64_t>(remaining_, bytes.size());
  out.Append(bytes.substr(0, piece), length_);
  remaining_ -= piece;
  return {piece, remaining_ == 0 ? Status::kDone : Status::kNeedMore};
}

BodyReader::Result BodyReader::LoseOfLength(std::uint64_t bytes, MessageBuilder& out) {
  const std::uint64_t jump = std::min(bytes, remaining_);
  out.AddGap(jump);
  remaining_ -= jump;
  return {jump, remaining_ == 0 ? Status::kDone : Status::kNeedMore};
}

BodyReader::Result BodyReader::ReadChunked(std::string_view bytes, MessageBuilder& out) {
  const ChunkedDecoder::Result result = chunked_.Read(bytes, out);
  switch (result.status) {
    case ChunkedDecoder::Status::kNeedMore:
      return {result.consumed, Status::kNeedMore};
    case ChunkedDecoder::Status::kDone:
      return {result.consumed, Status::kDone};
    case ChunkedDecoder::Status::kBroken:
      break;
  }
  return {result.consumed, Status::kBroken};
}

BodyReader::Result BodyReader::LoseOfChunked(std::uint64_t bytes, MessageBuilder& out) {
  if (chunked_.Skip(bytes)) {
    out.AddGap(bytes);
    return {bytes, Status::kNeedMore};
  }
  // How much of it was content cannot be told.
  if (!chunked_.content_done()) out.AddGap(0);
  return {0, Status::kBroken};
}

}  // namespace tlscope::http1
