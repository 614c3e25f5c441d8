// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "parsers/content/message_builder.h"
#include "parsers/core/byte_budget.h"
#include "parsers/core/message.h"
#include "parsers/core/stream_parser.h"

namespace tlscope::http1 {

/// Gathers bytes that belong to no message until they leave as one kUnknown message.
class SkippedBytes {
 public:
  /// Both must outlive this.
  SkippedBytes(const ParserLimits& limits, ByteBudget& budget) : limits_(limits), budget_(budget) {}

  /// `first_ktime_ns`: when the first of `bytes` came; `last_ktime_ns`: the last.
  void Append(std::string_view bytes, std::uint64_t first_ktime_ns, std::uint64_t last_ktime_ns);

  /// What was gathered ends within something that might have become a message.
  void EndEarly();

  /// `bytes` were lost here: of something that was gathered, or else of nothing.
  void AddGap(std::uint64_t bytes);

  /// Hands what was gathered over, if anything was.
  void Emit(MessageHandler& handler);

  /// All that was gathered, if that is whole, and gathers no more; otherwise nothing.
  std::optional<std::string> TakeWhole();

  void Drop() { message_.reset(); }

  std::uint64_t held_bytes() const { return message_ ? message_->held_bytes() : 0; }

 private:
  const ParserLimits& limits_;
  ByteBudget& budget_;
  std::unique_ptr<MessageBuilder> message_;  ///< made when needed, which is rarely
};

}  // namespace tlscope::http1
