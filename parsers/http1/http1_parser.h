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
#include "parsers/http1/body_reader.h"
#include "parsers/http1/carry.h"
#include "parsers/http1/framing.h"
#include "parsers/http1/head.h"
#include "parsers/http1/skipped_bytes.h"

namespace tlscope::http1 {

/// HTTP/1.x messages (RFC 9112) of one direction; the role says which. Keep-alive, pipelining,
/// interim responses, all body framings, both ways of changing protocol.
///
/// What is not HTTP/1.x is not dropped: from where it stops making sense (a malformed head, one
/// longer than ParserLimits::head_bytes, broken chunks, lost bytes) up to the next believable start
/// line at the start of a line, the bytes come out as one kUnknown message, and the message after
/// it says `resynchronised`. Believable is: the known version, and for requests a known method. A
/// head cut by lost bytes comes out as kUnknown too, incomplete, with a gap at its end. Lost bytes
/// inside a body whose framing covers them become a BodyGap; the message still ends where it
/// should.
///
/// Never returns kInvalid. kUpgrade: a response parser right after the head of a 101 or of a 2xx to
/// CONNECT; the request parser at its next bytes between two messages. When Gap returns kUpgrade,
/// the lost bytes come after TakeRest() and are the next parser's.
/// A response whose request is not known may be one to HEAD: where a status line stands in place of
/// its body, it had none.
/// Flush emits what is being skipped, and of a response that leaves in parts the next one.
///
/// Bodies lose the codings that Content-Encoding and Transfer-Encoding name (ParserLimits::
/// decode_content), unless they are a range that does not begin at the first byte. Responses of the
/// types that content::PartRuleOf knows leave in parts: text/event-stream always, the others when
/// their length is not known.
class Http1Parser final : public StreamParser {
 public:
  /// Both must outlive the parser.
  Http1Parser(Role role, ParserContext& context, MessageHandler& handler);
  Http1Parser(const Http1Parser&) = delete;
  Http1Parser& operator=(const Http1Parser&) = delete;

  void Join() override { joined_ = true; }
  ParseStatus Feed(std::string_view bytes, std::uint64_t ktime_ns) override;
  ParseStatus Gap(std::uint64_t bytes, std::uint64_t ktime_ns) override;
  void Flush() override;
  bool holds_part() const override { return message_.holds_part(); }
  void Finish(StreamEnd end) override;
  std::string TakeRest() override;
  /// The ExchangeQueue, which is the connection's, stays as it is.
  void Reset() override;
  ParserType type() const override;
  std::size_t held_bytes() const override;

 private:
  /// Where the next byte is expected to be.
  ///
  /// | state   | a byte                       | a loss                           | the end        |
  /// | ------- | ---------------------------- | -------------------------------- | -------------- |
  /// | Head    | Body, Peek, Head or Stopped  | what is held is skipped: Head    | like a loss    |
  /// |         | after a whole head; Skip     |                                  |                |
  /// |         | when it can be none          |                                  |                |
  /// | Skip    | Head after the line's end    | what is held is skipped: Head    | like a loss    |
  /// | Peek    | Head before a status line,   | a body after all: see Body       | see Body       |
  /// |         | else Body                    |                                  |                |
  /// | Body    | Head after its last          | a gap; Head if the framing does  | complete or    |
  /// |         |                              | not cover it                     | not: emitted   |
  /// | Stopped | kept for TakeRest            | the next parser's                | nothing        |
  ///
  /// A head whose place is a guess (resynchronising_) follows where the framing broke or did not
  /// cover a loss.
  enum class State : std::uint8_t {
    kHead,     ///< at a head's first byte or inside a head; after Reject: perhaps
    kSkip,     ///< inside a line that begins no message
    kPeek,     ///< after the head of an unpaired response, which may be one to HEAD
    kBody,     ///< in body_
    kStopped,  ///< kUpgrade was returned
  };

  // Each state's answer to bytes stands beside its answers to a loss and to the end.
  Step StepOnce(std::string_view bytes, std::uint64_t ktime_ns);
  Step StepHead(std::string_view bytes, std::uint64_t ktime_ns);
  Step StepSkip(std::string_view bytes, std::uint64_t ktime_ns);
  void AbandonLine(std::uint64_t gap_bytes);
  Step StepPeek(std::string_view bytes);
  void EndPeek();
  Step StepBody(std::string_view bytes);
  void LoseInBody(std::uint64_t bytes, std::uint64_t ktime_ns);
  void EndBody(StreamEnd end);

  Step Reject(std::string_view bytes, std::uint64_t ktime_ns);
  Step BeginMessage(std::string_view bytes, std::uint64_t ktime_ns);
  BodyKind ReadBodyKind() const;
  void NoteRequest(std::string_view method);
  void NoteResponse(std::string_view head, BodyKind body);
  void EnterBody(BodyKind kind);
  void StartBody();
  void EmitMessage();
  void EmitIncomplete();

  void SkipCarried();
  void SettleCarried();
  void Resynchronise();
  bool AtUpgrade() const;
  void Stop();

  const Role role_;
  ParserContext& context_;
  MessageHandler& handler_;

  State state_ = State::kHead;
  bool resynchronising_ = false;  ///< the next head's place is a guess
  bool joined_ = false;           ///< no message yet, but other bytes before
  bool final_response_ = false;   ///< the message being built is one, for the queue
  HeadReader head_;
  BodyReader body_;
  MessageBuilder message_;
  SkippedBytes skipped_;

  Carry carry_;
  std::string rest_;  ///< for TakeRest; at most what one Feed brought and carry_ held

  std::uint64_t now_ns_ = 0;         ///< of the last Feed
  std::uint64_t head_ktime_ns_ = 0;  ///< of the head's first byte
};

std::unique_ptr<StreamParser> MakeRequestParser(ParserContext& context, MessageHandler& handler);
std::unique_ptr<StreamParser> MakeResponseParser(ParserContext& context, MessageHandler& handler);

}  // namespace tlscope::http1
