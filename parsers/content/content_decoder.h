// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/content/coding_list.h"
#include "parsers/content/coding_stage.h"
#include "parsers/core/byte_budget.h"

namespace tlscope::content {

/// Where decoded bytes go.
class ContentSink {
 public:
  virtual ~ContentSink() = default;
  /// The next bytes of the content; at most 16 KiB at once unless they are passed on as sent.
  virtual void OnContent(std::string_view bytes) = 0;
  /// The last `bytes` bytes given are not to be relied on. Only ever called right before the
  /// decoder ends with an error, and never with DecoderOptions::never_retract.
  virtual void Retract(std::uint64_t bytes) = 0;
};

struct DecoderOptions {
  /// Decoded bytes after which decoding ends. OnPart starts the count again.
  std::uint64_t max_bytes = 64U << 20;
  /// For content that is passed on before its end is known. Slower for br.
  bool never_retract = false;
};

/// Removes the codings of one body while it comes, in pieces of any size; the same bytes in any
/// split give the same content and error (of a br stream that is broken and inflates beyond a limit
/// in the same 512 bytes, either may be named).
///
/// Memory: what the decoding libraries need, taken from the budget and asked for when the first
/// byte comes; a zstd window is at most 8 MiB and a br one 16 MiB. A step never makes more than
/// 16 KiB, so a bomb costs no memory.
///
/// Ends before the body does, with error() set and all that was decoded up to there handed out,
/// where the stream is broken, has bytes after its end, needs a window beyond the limits, inflates
/// beyond max_bytes or beyond kMaxRatio. A body that does not begin as its coding does was not
/// coded: it is handed out as sent and error() says so.
///
/// Order of calls: Feed and Lose any number of times, then Finish once.
class ContentDecoder {
 public:
  /// Content beyond the first kFreeBytes may be at most this many times what was sent (counted in
  /// steps of up to 512 bytes): a gzip of zeros reaches 1030, text seldom 20.
  static constexpr std::uint64_t kMaxRatio = 1000;
  static constexpr std::uint64_t kFreeBytes = 1U << 20;

  /// `codings` is removable(). `budget` must outlive the decoder.
  ContentDecoder(const CodingList& codings, const DecoderOptions& options, ByteBudget& budget);
  ~ContentDecoder();
  ContentDecoder(const ContentDecoder&) = delete;
  ContentDecoder& operator=(const ContentDecoder&) = delete;

  /// The next bytes of the body as sent. Ignored after an error.
  void Feed(std::string_view encoded, ContentSink& sink);
  /// Bytes of the body were lost here: decoding ends, unless the body is passed on as sent.
  void Lose(ContentSink& sink);
  /// The body ends here. An empty one is right in any coding.
  void Finish(ContentSink& sink);
  /// What was decoded has been passed on; max_bytes counts from here.
  void OnPart() { part_begin_ = decoded_bytes_; }

  /// Whether the content handed out is without the codings; false while it is as sent.
  bool decoding() const { return state_ == State::kDecoding || state_ == State::kEnded; }
  /// Why decoding ended early; empty when it did not. No content is in it.
  const std::string& error() const { return error_; }
  std::uint64_t held_bytes() const;

 private:
  enum class State : std::uint8_t {
    kFirst,     ///< the first bytes, which show whether the body is coded at all
    kDecoding,  ///< going on
    kEnded,     ///< error_ is set
    kAsSent,    ///< not coded
  };

  /// A coding on the way out, and what waits to go through it (for the first: nothing ever).
  struct Stage {
    std::unique_ptr<CodingStage> coding;
    std::string_view name;
    std::unique_ptr<char[]> input;  ///< made when needed
    std::size_t begin = 0;
    std::size_t end = 0;
    bool more = false;  ///< may give more without more input

    std::string_view waiting() const { return {input.get() + begin, end - begin}; }
  };

  void ReadFirst(std::string_view& encoded, ContentSink& sink);
  std::string NotCoded() const;
  void PassOn(ContentSink& sink, std::string error);
  void Decode(std::string_view encoded, ContentSink& sink);
  void DecodePiece(std::string_view piece, ContentSink& sink);
  bool CanRun(std::size_t index, std::string_view piece) const;
  bool MakeRoom(Stage& stage);
  void Give(std::string_view decoded, ContentSink& sink);
  void Fail(std::size_t stage, CodingStage::Status status, ContentSink& sink);
  void End(std::string error);
  void Release();

  const DecoderOptions options_;
  ByteBudget& budget_;
  std::vector<Stage> stages_;  ///< in the order in which they are undone
  Coding outermost_;           ///< the last one applied
  std::array<char, 4> first_{};
  std::size_t first_bytes_ = 0;
  State state_ = State::kFirst;
  bool retracts_ = false;  ///< a br stream that fails takes a slice's content back
  std::uint64_t encoded_bytes_ = 0;
  std::uint64_t decoded_bytes_ = 0;
  std::uint64_t part_begin_ = 0;   ///< decoded_bytes_ when the part began
  std::uint64_t slice_begin_ = 0;  ///< decoded_bytes_ when the slice began
  std::uint64_t slice_end_ = 0;    ///< encoded_bytes_ when it ends
  std::uint64_t taken_bytes_ = 0;  ///< for the inputs of the stages
  std::string error_;
};

}  // namespace tlscope::content
