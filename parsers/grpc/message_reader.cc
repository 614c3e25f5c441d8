// SPDX-License-Identifier: Apache-2.0
#include "parsers/grpc/message_reader.h"

#include <algorithm>
#include <cstring>

namespace tlscope::grpc {
namespace {

std::uint32_t Byte(char c) { return static_cast<unsigned char>(c); }

}  // namespace

bool IsGrpc(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (!content_type.starts_with(kType)) return false;
  content_type.remove_prefix(kType.size());
  return content_type.empty() || content_type.front() == '+' || content_type.front() == ';';
}

MessageReader::Event MessageReader::Next(std::string_view& bytes) {
  if (state_ == State::kPrefix) {
    const std::size_t count = std::min(bytes.size(), kPrefixBytes - held_);
    if (count != 0) std::memcpy(prefix_.data() + held_, bytes.data(), count);
    bytes.remove_prefix(count);
    held_ += count;
    if (held_ != 0 && Byte(prefix_[0]) > 1) {
      piece_ = {prefix_.data(), held_};
      return Event::kBroken;
    }
    if (held_ < kPrefixBytes) return Event::kNeedMore;
    held_ = 0;
    compressed_ = prefix_[0] != 0;
    length_ = Byte(prefix_[1]) << 24U | Byte(prefix_[2]) << 16U | Byte(prefix_[3]) << 8U |
              Byte(prefix_[4]);
    left_ = length_;
    state_ = State::kContent;
    return Event::kBegin;
  }
  if (left_ == 0) {
    state_ = State::kPrefix;
    return Event::kEnd;
  }
  piece_ = bytes.substr(0, left_);
  if (piece_.empty()) return Event::kNeedMore;
  bytes.remove_prefix(piece_.size());
  left_ -= static_cast<std::uint32_t>(piece_.size());
  return Event::kContent;
}

bool MessageReader::Jump(std::uint64_t bytes) {
  if (state_ != State::kContent || bytes > left_) return false;
  left_ -= static_cast<std::uint32_t>(bytes);
  return true;
}

}  // namespace tlscope::grpc
