// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tlscope::grpc {

/// Whether this Content-Type is gRPC's over HTTP/2: "application/grpc", alone or followed by a
/// format ("+proto") or parameters. gRPC-Web is another protocol.
bool IsGrpc(std::string_view content_type);

/// Cuts the data of one direction of a call into its Length-Prefixed-Messages ("gRPC over HTTP2":
/// a byte that says whether the message is compressed, four that say how long it is). Holds a split
/// prefix, never a message.
class MessageReader {
 public:
  enum class Event : std::uint8_t {
    kNeedMore,  ///< all bytes are taken
    kBegin,     ///< length() and compressed() are known
    kContent,   ///< piece() is the next of the message; never empty
    kEnd,
    kBroken,  ///< no message begins here; piece() is the prefix, the rest was not taken
  };

  /// Takes bytes from the front of `bytes` up to the next event.
  Event Next(std::string_view& bytes);

  std::uint32_t length() const { return length_; }
  bool compressed() const { return compressed_; }
  std::string_view piece() const { return piece_; }
  /// Neither a prefix nor a message is begun.
  bool between_messages() const { return state_ == State::kPrefix && held_ == 0; }
  /// The part of a prefix that has come.
  std::string_view prefix() const { return {prefix_.data(), held_}; }

  /// Jumps over lost bytes. False when they are not all of the message that is being read: where
  /// the next begins is not known then.
  bool Jump(std::uint64_t bytes);

 private:
  enum class State : std::uint8_t { kPrefix, kContent };

  static constexpr std::size_t kPrefixBytes = 5;

  State state_ = State::kPrefix;
  bool compressed_ = false;
  std::uint32_t length_ = 0;
  std::uint32_t left_ = 0;
  std::array<char, kPrefixBytes> prefix_{};
  std::size_t held_ = 0;
  std::string_view piece_;
};

}  // namespace tlscope::grpc
