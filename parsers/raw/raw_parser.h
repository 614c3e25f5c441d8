// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "parsers/connection/parser_context.h"
#include "parsers/content/message_builder.h"
#include "parsers/core/stream_parser.h"

namespace tlscope::raw {

/// Bytes of any protocol, as kUnknown messages that hold nothing but a body. With no framing to go
/// by, a message ends at Flush, Finish, Gap, and after exactly kMessageBytes, so that the split of
/// the calls makes no difference. A gap is recorded at the end of the message it ends, or at the
/// start of the next when none was begun. Never invalid, never an upgrade.
class RawParser final : public StreamParser {
 public:
  static constexpr std::size_t kMessageBytes = 64U << 10;

  /// Both must outlive the parser.
  RawParser(ParserContext& context, MessageHandler& handler);

  ParseStatus Feed(std::string_view bytes, std::uint64_t ktime_ns) override;
  ParseStatus Gap(std::uint64_t bytes, std::uint64_t ktime_ns) override;
  void Flush() override;
  void Finish(StreamEnd end) override;
  std::string TakeRest() override { return {}; }
  void Reset() override;
  ParserType type() const override { return ParserType::kUnknown; }
  std::size_t held_bytes() const override { return message_.held_bytes(); }

 private:
  void Emit();

  MessageHandler& handler_;
  MessageBuilder message_;
  std::size_t seen_bytes_ = 0;  ///< of the message, kept or not
};

std::unique_ptr<StreamParser> MakeRawParser(ParserContext& context, MessageHandler& handler);

}  // namespace tlscope::raw
