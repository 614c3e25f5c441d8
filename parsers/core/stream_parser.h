// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/core/byte_budget.h"
#include "parsers/core/message.h"

namespace tlscope {

/// What a parser may keep. Beyond a limit it goes on parsing, keeps no more, and says how much.
struct ParserLimits {
  std::uint64_t body_bytes = 16U << 20;   ///< of one message's body
  std::uint64_t head_bytes = 256U << 10;  ///< of one message's head; longer is not taken for a head
  bool decode_content = true;             ///< remove Content-Encoding and the like from bodies
  /// Of one message's body without its codings, kept or not: beyond, decoding ends. Where
  /// body_bytes is more, that counts.
  std::uint64_t decoded_bytes = 64U << 20;
};

/// What the caller does next.
enum class ParseStatus : std::uint8_t {
  kNeedMore,  ///< nothing wrong; call again with more bytes
  kInvalid,   ///< not this protocol from here on; hand TakeRest() to another parser
  kUpgrade,   ///< the connection changes protocol here; hand TakeRest() to another parser
};

/// Why a stream ends.
enum class StreamEnd : std::uint8_t {
  kClosed,  ///< the connection is over: what is delimited by the close is complete
  kIdle,    ///< nobody waits any longer: what is not whole is incomplete
};

/// Whether a direction that begins with some bytes speaks a protocol.
enum class Detection : std::uint8_t {
  kMatch,
  kNoMatch,
  kNeedMore,  ///< as far as it goes it fits
};

/// Reads one direction of one connection. Pure: no I/O, lock, clock or log; the same bytes in any
/// split give the same messages. Legal order: any of Feed, Gap and Flush, any number of times, then
/// Finish once. After kInvalid or kUpgrade only TakeRest, Reset and the destructor.
/// Memory is bounded by ParserLimits and the ByteBudget, whatever the input.
class StreamParser {
 public:
  virtual ~StreamParser() = default;

  /// Before anything else: bytes that are not this protocol's came before in this direction, as
  /// when a connection is joined within a message. The first message says `resynchronised`.
  virtual void Join() {}

  /// The next bytes of the direction, as seen at `ktime_ns` (CLOCK_MONOTONIC). All are taken.
  virtual ParseStatus Feed(std::string_view bytes, std::uint64_t ktime_ns) = 0;

  /// `bytes` bytes of the direction were lost at this place (at least 1, or kUnknownGap).
  virtual ParseStatus Gap(std::uint64_t bytes, std::uint64_t ktime_ns) = 0;

  /// The speaker paused: a parser with no framing of its own emits what it holds; one that reads a
  /// body which is shown while it goes on may emit a part of it. Others ignore it.
  virtual void Flush() {}

  /// Whether Flush would emit part of a message that goes on.
  virtual bool holds_part() const { return false; }

  /// No more bytes come; emits what is left, marked incomplete unless it is whole.
  virtual void Finish(StreamEnd end) = 0;

  /// After kInvalid or kUpgrade: the bytes taken that belong to no emitted message.
  virtual std::string TakeRest() = 0;

  /// Back to the state after construction; what is held is dropped.
  virtual void Reset() = 0;

  virtual ParserType type() const = 0;

  /// Bytes held for messages not yet emitted.
  virtual std::size_t held_bytes() const = 0;
};

}  // namespace tlscope
