// SPDX-License-Identifier: Apache-2.0
#include "processor/wire/delimited.h"

#include <google/protobuf/message_lite.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace tlscope {
namespace {

// 64 bits, seven a byte.
constexpr std::size_t kMaxVarintBytes = 10;

enum class VarintStatus : std::uint8_t { kDone, kNeedMore, kInvalid };

/// Takes a varint off `bytes`, which stays as it is when there is none.
VarintStatus TakeVarint(std::string_view& bytes, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < kMaxVarintBytes; ++i) {
    if (i == bytes.size()) return VarintStatus::kNeedMore;
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    // Of the tenth byte only one bit has room.
    if (i + 1 == kMaxVarintBytes && byte > 1) return VarintStatus::kInvalid;
    value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if ((byte & 0x80U) != 0) continue;
    bytes.remove_prefix(i + 1);
    return VarintStatus::kDone;
  }
  return VarintStatus::kInvalid;
}

}  // namespace

void AppendVarint(std::uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out.push_back(static_cast<char>(value));
}

std::size_t VarintBytes(std::uint64_t value) {
  return static_cast<std::size_t>(std::bit_width(value | 1) + 6) / 7;
}

void AppendDelimited(const google::protobuf::MessageLite& message, std::string& out) {
  AppendVarint(message.ByteSizeLong(), out);
  message.AppendToString(&out);
}

bool ParseMessage(std::string_view bytes, google::protobuf::MessageLite& message) {
  const google::protobuf::LogSilencer silencer;
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

std::span<char> DelimitedReader::Prepare(std::size_t bytes) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < bytes && begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // Doubling, or a message that comes in many pieces is copied once for each.
  if (buffer_.size() - end_ < bytes) buffer_.resize(std::max(end_ + bytes, 2 * buffer_.size()));
  return std::span(buffer_).subspan(end_);
}

void DelimitedReader::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::span<char> room = Prepare(bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  Commit(bytes.size());
}

DelimitedReader::Status DelimitedReader::Next(std::string_view& message) {
  if (invalid_) return Status::kInvalid;
  std::string_view left(buffer_.data() + begin_, end_ - begin_);
  std::uint64_t bytes = 0;
  const VarintStatus status = TakeVarint(left, bytes);
  if (status == VarintStatus::kNeedMore) return Status::kNeedMore;
  if (status == VarintStatus::kInvalid || bytes > max_bytes_) {
    invalid_ = true;
    if (status == VarintStatus::kDone) refused_bytes_ = bytes;
    return Status::kInvalid;
  }
  if (left.size() < bytes) return Status::kNeedMore;
  message = left.substr(0, static_cast<std::size_t>(bytes));
  begin_ = end_ - (left.size() - message.size());
  return Status::kMessage;
}

}  // namespace tlscope
