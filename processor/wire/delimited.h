// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class MessageLite;
}

namespace tlscope {

/// Appends `value` as a varint of Protocol Buffers: seven bits a byte, the lowest first.
void AppendVarint(std::uint64_t value, std::string& out);

/// Bytes that AppendVarint appends.
std::size_t VarintBytes(std::uint64_t value);

/// Appends `message` behind its length, the form that parseDelimitedFrom of every runtime of
/// Protocol Buffers reads.
void AppendDelimited(const google::protobuf::MessageLite& message, std::string& out);

/// False when the bytes are no such message. Says nothing on standard error, as the library does by
/// itself: the bytes are others'.
[[nodiscard]] bool ParseMessage(std::string_view bytes, google::protobuf::MessageLite& message);

/// Cuts a byte stream, in whatever pieces it comes, into messages that each stand behind their
/// length as a varint. Holds what has come, never what a length only claims.
class DelimitedReader {
 public:
  enum class Status : std::uint8_t {
    kMessage,   ///< one was handed out; ask again
    kNeedMore,  ///< nothing wrong; ask again with more bytes
    kInvalid,   ///< no length, or one beyond the limit: so is everything that follows
  };

  /// `max_bytes`: of one message.
  explicit DelimitedReader(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Where the next bytes of the stream go, at least `bytes` of them (bytes > 0); then Commit what
  /// was put there.
  std::span<char> Prepare(std::size_t bytes);
  void Commit(std::size_t bytes) { end_ += bytes; }

  /// Both at once.
  void Append(std::string_view bytes);

  /// `message` is borrowed until the next Prepare or Append.
  Status Next(std::string_view& message);

  /// Gives its memory back when nothing is held and it is more than `bytes`.
  void Shrink(std::size_t bytes) {
    if (begin_ != end_ || buffer_.size() <= bytes) return;
    buffer_ = {};
    begin_ = end_ = 0;
  }

  /// After kInvalid: the length that was beyond the limit; 0 when it was no varint.
  std::uint64_t refused_bytes() const { return refused_bytes_; }

  /// Whether bytes are held that no message was handed out for.
  bool holds_bytes() const { return begin_ != end_; }
  std::size_t held_bytes() const { return end_ - begin_; }

 private:
  std::size_t max_bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what was not handed out
  std::size_t end_ = 0;
  bool invalid_ = false;
  std::uint64_t refused_bytes_ = 0;
};

}  // namespace tlscope
