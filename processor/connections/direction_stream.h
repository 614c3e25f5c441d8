// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "parsers/core/stream_parser.h"
#include "parsers/parser_registry.h"

namespace tlscope {

/// How a stream finds its parser.
struct ProtocolTable {
  DetectResult (*detect)(std::string_view bytes, const DetectHint& hint);
  const ProtocolSpec& raw;  ///< takes any bytes: the end of every road
  /// Which protocol was agreed to after an upgrade; null when the bytes have to tell.
  const ProtocolSpec* (*agreed)(const ParserContext& context) = nullptr;

  /// The table of parsers/.
  static const ProtocolTable& Registered();
};

/// Where a stream puts what its parsers have read, and which they are.
class StreamHandler : public MessageHandler {
 public:
  /// A protocol other than raw bytes was found; its messages follow.
  virtual void OnProtocol(const ProtocolSpec& /*protocol*/, std::uint64_t /*ktime_ns*/) {}
};

/// One direction of one connection: puts pieces in their place, finds the protocol, feeds the
/// parser, and hands over to another parser where one ends. One thread.
class DirectionStream {
 public:
  /// Most bytes held while the protocol is undecided; what has not matched by then is raw.
  static constexpr std::size_t kMaxUndecided = 64U << 10;

  /// Everything is borrowed. Messages go to `handler`.
  DirectionStream(const ProtocolTable& protocols, ParserContext& context, StreamHandler& handler)
      : protocols_(protocols), context_(context), handler_(handler) {}
  ~DirectionStream() { (void)ReleaseUndecided(); }
  DirectionStream(const DirectionStream&) = delete;
  DirectionStream& operator=(const DirectionStream&) = delete;

  /// How a piece sits against what came before it.
  struct Fit {
    std::uint64_t missing_bytes = 0;  ///< bytes lost before the piece
    std::uint64_t overlap_bytes = 0;  ///< bytes at its start that have come before
  };

  /// Moves on to the end of a piece of `bytes` bytes at `offset` (the sum does not overflow). The
  /// first piece fits wherever it is: a connection joined in the middle has lost nothing.
  Fit Advance(std::uint64_t offset, std::uint64_t bytes);

  /// Before the first piece: something came before it that is not in its offset.
  void JoinLate() { joined_late_ = true; }

  /// Whether any piece has come.
  bool started() const { return started_; }

  /// New bytes, next in order. `starts_call`: they are the first of an SSL call, which is where a
  /// stream of unknown protocol may begin to speak a known one.
  void Feed(std::string_view bytes, std::uint64_t ktime_ns, bool starts_call);

  /// `bytes` bytes (at least 1, or kUnknownGap) are missing here.
  void Gap(std::uint64_t bytes, std::uint64_t ktime_ns);

  /// The speaker paused: a raw stream's bytes are emitted, and what a body that is shown while it
  /// goes on has come to. What may yet begin a known protocol
  /// waits: a start line can come slowly.
  void Pause();

  /// The speaker has said what it had to say: undecided bytes are emitted too, as raw ones.
  void Flush();

  /// Emits the rest. Nothing may follow.
  void Finish(StreamEnd end);

  /// Whether Pause would emit something.
  bool pausable() const;

  /// Whether bytes wait for more to decide the protocol.
  bool undecided() const { return !undecided_.empty(); }

 private:
  void Search(std::string_view bytes, std::uint64_t ktime_ns);
  bool Hold(std::string& bytes, std::uint64_t ktime_ns);
  std::string ReleaseUndecided();
  void UndecidedToRaw();
  const ProtocolSpec* Agreed() const;
  void Use(const ProtocolSpec& spec, std::uint64_t ktime_ns);
  void Deliver(std::string_view held, std::uint64_t held_ktime_ns, std::string_view bytes,
               std::uint64_t ktime_ns);
  void HandOver(ParseStatus status, std::string_view more, std::uint64_t ktime_ns);

  const ProtocolTable& protocols_;
  ParserContext& context_;
  StreamHandler& handler_;
  std::unique_ptr<StreamParser> parser_;  // null until the protocol is decided
  std::string undecided_;                 // accounted for in the budget
  std::uint64_t undecided_ktime_ns_ = 0;
  std::uint64_t expected_offset_ = 0;
  bool started_ = false;
  bool joined_late_ = false;
  bool at_start_ = false;     // no parser was there yet, and nothing before the first piece
  bool alpn_applies_ = true;  // until the connection changes protocol
  bool raw_ = false;          // parser_ is of protocols_.raw
};

}  // namespace tlscope
