// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "parsers/content/coding_list.h"
#include "parsers/content/content_decoder.h"
#include "parsers/content/event_cutter.h"
#include "parsers/core/byte_budget.h"
#include "parsers/core/message.h"
#include "parsers/core/stream_parser.h"

namespace tlscope {

/// Puts one message after the other together within ParserLimits and a ByteBudget. The budget is
/// asked before memory is, and has it all back once the message is emitted or dropped.
/// Whatever is refused is counted: content_bytes == body.size() + gaps + cut_bytes always holds for
/// a whole message with no coding removed.
class MessageBuilder {
 public:
  /// Both must outlive the builder.
  MessageBuilder(const ParserLimits& limits, ByteBudget& budget)
      : limits_(limits), budget_(budget) {}
  ~MessageBuilder() { Drop(); }
  MessageBuilder(const MessageBuilder&) = delete;
  MessageBuilder& operator=(const MessageBuilder&) = delete;

  /// Copies the head and the parts of its start line. False, and nothing kept, when the budget
  /// refuses.
  [[nodiscard]] bool SetHead(std::string_view head, std::string_view method,
                             std::string_view target);

  /// The content that follows is coded so: it is decoded as it comes, if that is possible and
  /// wanted. Before the first content.
  void Decode(const content::CodingList& codings) { codings_ = codings; }

  /// The message leaves in parts, which `handler` gets as they end: at once the head, then the body
  /// by `rule`. After SetHead and Decode, before the first content; from here on the caller sets
  /// last_ktime_ns before each Append. `handler` must outlive the message.
  void EmitInParts(content::PartRule rule, MessageHandler& handler);

  /// Hands over what there is as one part of a message that goes on; where it ends is the caller's
  /// rule. The content that follows is coded only if Decode says so again. The caller sets
  /// last_ktime_ns before.
  void EmitPart(MessageHandler& handler);
  /// Counts content of a message in parts that left in messages of its own: it is in the last
  /// part's content_bytes, and `complete` says whether nothing of it was lost.
  void CountApart(std::uint64_t bytes, bool complete);
  /// How many parts have left.
  std::uint32_t parts() const { return message_.part; }

  /// The sender paused: emits the part that this ends, if any.
  void Flush();
  /// Whether Flush would emit one.
  bool holds_part() const;

  /// Appends content, as much of it as may be kept. `expected_bytes` is how long the body says it
  /// will be (0: unknown); it is a hint from a hostile source and only ever saves copies.
  void Append(std::string_view content, std::uint64_t expected_bytes);

  /// Appends content that was decoded elsewhere, and counts content as it was sent.
  void AppendDecoded(std::string_view content) { Keep(content, 0); }
  void Count(std::uint64_t bytes);

  /// Content that was lost here; `bytes` 0 when it is only known that some was. The message is no
  /// longer complete, and what is coded is not decoded any further.
  void AddGap(std::uint64_t bytes);

  /// Appends one trailer line, line end included. False when the trailers would get longer than a
  /// head may be, or the budget refuses.
  [[nodiscard]] bool AppendTrailer(std::string_view line);

  /// Hands over the message, or its last part where parts have left, and starts an empty one.
  void Emit(MessageHandler& handler);
  /// Starts an empty one.
  void Drop();

  /// No content so far, neither kept nor lost.
  bool empty() const {
    return message_.content_bytes == 0 && earlier_bytes_ == 0 && message_.gaps.empty();
  }
  /// For the fields this class does not look after.
  Message& message() { return message_; }
  const Message& message() const { return message_; }
  /// What was taken from the budget.
  std::uint64_t held_bytes() const {
    return taken_bytes_ + (decoder_ ? decoder_->held_bytes() : 0);
  }

 private:
  /// Of a message that is cut by a rule.
  struct Cutting {
    content::PartRule rule;
    MessageHandler& handler;
    content::EventCutter cutter;
    std::size_t line_end = 0;  ///< in the body: behind the last LF
  };
  /// Takes what the decoder gives.
  class Decoded;

  bool Take(std::uint64_t bytes);
  bool Reserve(std::uint64_t needed_bytes, std::uint64_t expected_bytes);
  bool StartDecoding();
  void NoteDecoding();
  void Keep(std::string_view content, std::uint64_t expected_bytes);
  void KeepPiece(std::string_view content, std::uint64_t expected_bytes);
  void NoteLineEnd(std::size_t from);
  void Unkeep(std::uint64_t bytes);
  void CutPart(std::size_t body_bytes);
  Message NextPart();
  void FinishDecoding();
  void GiveBack();
  void LetGo();
  void Renew();

  const ParserLimits& limits_;
  ByteBudget& budget_;
  Message message_;
  std::uint64_t taken_bytes_ = 0;
  std::uint64_t body_capacity_ = 0;  ///< the part of taken_bytes_ that the body may use
  bool sealed_ = false;              ///< keeps no more content
  content::CodingList codings_;
  std::unique_ptr<content::ContentDecoder> decoder_;  ///< from the first coded byte on
  std::unique_ptr<Cutting> cutting_;
  std::uint64_t earlier_bytes_ = 0;  ///< content_bytes of the parts that have left
  bool earlier_complete_ = true;     ///< all of them were
};

}  // namespace tlscope
