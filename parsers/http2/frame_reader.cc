// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tlscope::http2 {

bool FrameReader::Fill(std::string_view& bytes, std::size_t wanted) {
  const std::size_t count = std::min(bytes.size(), wanted - held_);
  if (count != 0) std::memcpy(small_.data() + held_, bytes.data(), count);
  bytes.remove_prefix(count);
  held_ += count;
  return held_ == wanted;
}

FrameReader::Event FrameReader::Next(std::string_view& bytes) {
  if (state_ == State::kHeader) {
    if (!Fill(bytes, kFrameHeaderBytes)) return Event::kNeedMore;
    frame_ = ReadFrameHeader({small_.data(), kFrameHeaderBytes});
    if (!ObeysRules(frame_)) return Event::kBroken;
    held_ = 0;
    state_ = State::kPrefix;
  }
  if (state_ == State::kPrefix) {
    if (!Fill(bytes, PrefixBytes(frame_))) return Event::kNeedMore;
    ReadPrefix();
    state_ = State::kPayload;
    return Event::kBegin;
  }
  if (content_left_ != 0) {
    piece_ = bytes.substr(0, content_left_);
    if (piece_.empty()) return Event::kNeedMore;
    bytes.remove_prefix(piece_.size());
    content_left_ -= static_cast<std::uint32_t>(piece_.size());
    return Event::kPayload;
  }
  const std::size_t padding = std::min<std::size_t>(padding_left_, bytes.size());
  bytes.remove_prefix(padding);
  padding_left_ -= static_cast<std::uint32_t>(padding);
  if (padding_left_ != 0) return Event::kNeedMore;
  state_ = State::kHeader;
  return Event::kEnd;
}

void FrameReader::ReadPrefix() {
  const auto prefix = static_cast<std::uint32_t>(std::exchange(held_, 0));
  const std::string_view bytes(small_.data(), prefix);
  const std::uint32_t rest = frame_.length - prefix;
  pad_bytes_ = 0;
  if (prefix != 0 && frame_.has(kFlagPadded)) pad_bytes_ = static_cast<unsigned char>(bytes[0]);
  // RFC 9113 6.1: more padding than payload is an error; here there is just no content.
  padding_left_ = std::min(pad_bytes_, rest);
  content_left_ = rest - padding_left_;
  if (frame_.type == FrameType::kPushPromise) {
    promised_stream_ = ReadUint32(bytes, prefix - 4) & 0x7fffffffU;
  }
}

std::uint64_t FrameReader::Jump(std::uint64_t bytes) {
  const std::uint64_t content = std::min<std::uint64_t>(bytes, content_left_);
  content_left_ -= static_cast<std::uint32_t>(content);
  padding_left_ -= static_cast<std::uint32_t>(bytes - content);
  return content;
}

std::string_view FrameReader::TakeHeader() {
  const std::size_t size = std::exchange(held_, 0);
  state_ = State::kHeader;
  return {small_.data(), size};
}

}  // namespace tlscope::http2
