// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "parsers/byte_budget.h"
#include "parsers/message.h"
#include "parsers/stream_parser.h"

namespace tlscope {

/// Puts one message after the other together within ParserLimits and a ByteBudget. The budget is
/// asked before memory is, and has it all back once the message is emitted or dropped.
/// Whatever is refused is counted: content_bytes == body.size() + gaps + cut_bytes always holds.
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

  /// Appends content, as much of it as may be kept. `expected_bytes` is how long the body says it
  /// will be (0: unknown); it is a hint from a hostile source and only ever saves copies.
  void Append(std::string_view content, std::uint64_t expected_bytes);

  /// Content that was lost here; `bytes` 0 when it is only known that some was. The message is no
  /// longer complete.
  void AddGap(std::uint64_t bytes);

  /// Appends one trailer line, line end included. False when the trailers would get longer than a
  /// head may be, or the budget refuses.
  [[nodiscard]] bool AppendTrailer(std::string_view line);

  /// Hands the message over and starts an empty one.
  void Emit(MessageHandler& handler);
  /// Starts an empty one.
  void Drop();

  /// No content so far, neither kept nor lost.
  bool empty() const { return message_.content_bytes == 0 && message_.gaps.empty(); }
  /// For the fields this class does not look after.
  Message& message() { return message_; }
  const Message& message() const { return message_; }
  /// What was taken from the budget.
  std::uint64_t held_bytes() const { return taken_bytes_; }

 private:
  bool Take(std::uint64_t bytes);
  bool Reserve(std::uint64_t needed_bytes, std::uint64_t expected_bytes);

  const ParserLimits& limits_;
  ByteBudget& budget_;
  Message message_;
  std::uint64_t taken_bytes_ = 0;
  std::uint64_t body_capacity_ = 0;  ///< the part of taken_bytes_ that the body may use
  bool sealed_ = false;              ///< keeps no more content
};

}  // namespace tlscope
