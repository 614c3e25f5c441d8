// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parsers/content/message_builder.h"
#include "parsers/core/stream_parser.h"
#include "parsers/http1/chunked.h"
#include "parsers/http1/framing.h"
#include "parsers/http1/syntax.h"

namespace tlscope::http1 {

/// Reads one message's body by its framing (RFC 9112 6.3). Holds no bytes itself: of a chunked
/// body's line that has no end yet it consumes nothing and wants to see it again with more.
class BodyReader {
 public:
  explicit BodyReader(Role role) : chunked_(role) {}

  enum class Status : std::uint8_t {
    kNeedMore,
    kDone,    ///< what is not consumed comes after the body
    kBroken,  ///< from what is not consumed on the framing cannot be told
  };
  struct Result {
    std::uint64_t consumed;
    Status status;
  };

  /// Starts a body that ends as `kind` says: kLength, of `length` bytes (at least 1), kChunked or
  /// kUntilClose.
  void Begin(BodyKind kind, std::uint64_t length);

  BodyKind kind() const { return kind_; }

  /// Reads on. Content and trailers go to `out`.
  Result Read(std::string_view bytes, MessageBuilder& out);

  /// `bytes` bytes were lost here. The result says how many of them the framing covers; `out` has
  /// their gap.
  Result Lose(std::uint64_t bytes, MessageBuilder& out);

  /// Whether a body whose stream ends here is whole.
  bool EndsWith(StreamEnd end) const {
    return kind_ == BodyKind::kUntilClose && end == StreamEnd::kClosed;
  }

 private:
  Result ReadLength(std::string_view bytes, MessageBuilder& out);
  Result LoseOfLength(std::uint64_t bytes, MessageBuilder& out);
  Result ReadChunked(std::string_view bytes, MessageBuilder& out);
  Result LoseOfChunked(std::uint64_t bytes, MessageBuilder& out);

  BodyKind kind_ = BodyKind::kNone;
  std::uint64_t length_ = 0;
  std::uint64_t remaining_ = 0;  ///< of length_
  ChunkedDecoder chunked_;
};

}  // namespace tlscope::http1
