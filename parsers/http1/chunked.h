// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "parsers/content/message_builder.h"
#include "parsers/http1/syntax.h"

namespace tlscope::http1 {

/// The chunk size of a chunk's first line, given without its line end (RFC 9112 7.1); extensions
/// are passed over (7.1.1). Empty when malformed or beyond 64 bits.
std::optional<std::uint64_t> ParseChunkSize(std::string_view line);

/// Takes the chunked transfer coding off one body (RFC 9112 7.1). Holds no bytes itself: of a line
/// that has no end yet it consumes nothing and wants to see it again with more.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(Role role) : role_(role) {}

  enum class Status : std::uint8_t {
    kNeedMore,
    kDone,    ///< the bytes after the consumed ones belong to the next message
    kBroken,  ///< not chunked coding from the first byte not consumed on
  };
  struct Result {
    std::size_t consumed;
    Status status;
  };

  /// Starts a body.
  void Begin() { *this = ChunkedDecoder(role_); }

  /// Reads on; `bytes` begin with those that the last call did not consume. Content and trailers
  /// go to `out`.
  Result Read(std::string_view bytes, MessageBuilder& out);

  /// Jumps over `bytes` lost ones. False, and nothing changed, unless all of them were data of the
  /// chunk that is being read.
  bool Skip(std::uint64_t bytes);

  /// All content has been read; at most trailers are missing.
  bool content_done() const { return state_ == State::kTrailers; }

 private:
  enum class State : std::uint8_t { kSize, kData, kDataEnd, kTrailers };

  enum class Line : std::uint8_t { kTaken, kLast, kBroken };
  Line OnLine(std::string_view text, std::string_view with_end, MessageBuilder& out);

  Role role_;
  State state_ = State::kSize;
  std::uint64_t remaining_ = 0;  ///< of the chunk's data
  std::size_t scanned_ = 0;      ///< of a line seen in part: no line end before here
};

}  // namespace tlscope::http1
