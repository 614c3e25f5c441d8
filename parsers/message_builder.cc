// SPDX-License-Identifier: Apache-2.0
#include "parsers/message_builder.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tlscope {
namespace {

// A body's announced length is believed for this many bytes beyond what has been seen.
constexpr std::uint64_t kReserveAheadBytes = 16U << 10;

// More gaps than this and the rest of the body is not kept, so that a stream that loses every
// other byte cannot make the list of gaps larger than the body.
constexpr std::size_t kMaxGaps = 256;

std::uint64_t AddSaturating(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b
             ? std::numeric_limits<std::uint64_t>::max()
             : a + b;
}

}  // namespace

bool MessageBuilder::Take(std::uint64_t bytes) {
  if (!budget_.Take(bytes)) return false;
  taken_bytes_ += bytes;
  return true;
}

bool MessageBuilder::SetHead(std::string_view head, std::string_view method,
                             std::string_view target) {
  if (!Take(head.size() + method.size() + target.size())) return false;
  message_.head = head;
  message_.method = method;
  message_.target = target;
  return true;
}

bool MessageBuilder::Reserve(std::uint64_t needed_bytes, std::uint64_t expected_bytes) {
  if (needed_bytes <= body_capacity_) return true;
  // At least double: std::string would do so anyway, and then memory and account would differ.
  std::uint64_t capacity = std::max(needed_bytes, 2 * body_capacity_);
  capacity = std::max(
      capacity, std::min({expected_bytes, limits_.body_bytes, needed_bytes + kReserveAheadBytes}));
  if (!Take(capacity - body_capacity_)) return false;
  body_capacity_ = capacity;
  message_.body.reserve(capacity);
  return true;
}

void MessageBuilder::Append(std::string_view content, std::uint64_t expected_bytes) {
  message_.content_bytes = AddSaturating(message_.content_bytes, content.size());
  std::uint64_t keep = 0;
  if (!sealed_) {
    const std::uint64_t size = message_.body.size();
    keep = std::min<std::uint64_t>(content.size(), limits_.body_bytes - size);
    if (!Reserve(size + keep, expected_bytes)) keep = 0;
    message_.body.append(content.data(), keep);
  }
  if (keep == content.size()) return;
  // What comes later must not be glued to what came before the cut.
  sealed_ = true;
  message_.cut_bytes += content.size() - keep;
}

void MessageBuilder::AddGap(std::uint64_t bytes) {
  message_.complete = false;
  message_.content_bytes = AddSaturating(message_.content_bytes, bytes);
  const std::uint64_t position = message_.body.size();
  if (!message_.gaps.empty() && message_.gaps.back().position == position) {
    message_.gaps.back().bytes = AddSaturating(message_.gaps.back().bytes, bytes);
    return;
  }
  message_.gaps.push_back({position, bytes});
  if (message_.gaps.size() >= kMaxGaps) sealed_ = true;
}

bool MessageBuilder::AppendTrailer(std::string_view line) {
  if (line.size() > limits_.head_bytes - message_.trailers.size()) return false;
  if (!Take(line.size())) return false;
  message_.trailers += line;
  return true;
}

void MessageBuilder::Emit(MessageHandler& handler) {
  budget_.Give(std::exchange(taken_bytes_, 0));
  body_capacity_ = 0;
  sealed_ = false;
  handler.OnMessage(std::move(message_));
  message_ = Message{};
}

void MessageBuilder::Drop() {
  budget_.Give(std::exchange(taken_bytes_, 0));
  body_capacity_ = 0;
  sealed_ = false;
  message_ = Message{};
}

}  // namespace tlscope
