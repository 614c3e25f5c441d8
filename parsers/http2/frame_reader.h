// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parsers/http2/frame.h"

namespace tlscope::http2 {

/// Cuts bytes into frames. Holds a frame header or prefix that is split, never a payload. Trusts
/// the lengths: skipping a frame of 16 MiB costs nothing.
class FrameReader {
 public:
  enum class Event : std::uint8_t {
    kNeedMore,  ///< all bytes are taken
    kBegin,     ///< frame() is known, prefix included
    kPayload,   ///< piece() is the next of the content; never empty
    kEnd,       ///< the frame ends, padding included
    kBroken,    ///< what comes is no frame; nothing of it was taken, see TakeHeader
  };

  /// Takes bytes from the front of `bytes` up to the next event.
  Event Next(std::string_view& bytes);

  const FrameHeader& frame() const { return frame_; }
  /// Of a PUSH_PROMISE.
  std::uint32_t promised_stream() const { return promised_stream_; }
  std::uint32_t pad_bytes() const { return pad_bytes_; }
  std::string_view piece() const { return piece_; }
  /// Content of the frame that has not come yet.
  std::uint32_t content_left() const { return content_left_; }
  /// No byte of the next frame has come.
  bool between_frames() const { return state_ == State::kHeader && held_ == 0; }
  /// A frame's header is known and its end has not come: bytes may be jumped over.
  bool in_payload() const { return state_ == State::kPayload; }
  /// Bytes up to the end of the frame.
  std::uint64_t frame_left() const { return std::uint64_t{content_left_} + padding_left_; }

  /// Jumps over lost bytes, at most frame_left(). Next() then gives kEnd, if that is all.
  /// Returns how many of them were content.
  std::uint64_t Jump(std::uint64_t bytes);

  /// The bytes of a header taken in part, or found to be none; starts over.
  std::string_view TakeHeader();
  void Reset() { *this = FrameReader(); }

 private:
  enum class State : std::uint8_t { kHeader, kPrefix, kPayload };

  bool Fill(std::string_view& bytes, std::size_t wanted);
  void ReadPrefix();

  State state_ = State::kHeader;
  FrameHeader frame_;
  std::uint32_t content_left_ = 0;
  std::uint32_t padding_left_ = 0;
  std::uint32_t pad_bytes_ = 0;
  std::uint32_t promised_stream_ = 0;
  std::array<char, 16> small_{};  ///< a header, then a prefix, that is collected
  std::size_t held_ = 0;
  std::string_view piece_;
};

}  // namespace tlscope::http2
