// SPDX-License-Identifier: Apache-2.0
#include "parsers/content/message_builder.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace tlscope {
namespace {

// A body's announced length is believed for this many bytes beyond what has been seen.
constexpr std::uint64_t kReserveAheadBytes = 16U << 10;

// More gaps than this and the rest of the body is not kept, so that a stream that loses every
// other byte cannot make the list of gaps larger than the body.
constexpr std::size_t kMaxGaps = 256;

std::uint64_t AddSaturating(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b
             ? std::numeric_limits<std::uint64_t>::max()
             : a + b;
}

}  // namespace

class MessageBuilder::Decoded final : public content::ContentSink {
 public:
  explicit Decoded(MessageBuilder& builder) : builder_(builder) {}
  void OnContent(std::string_view bytes) override { builder_.Keep(bytes, 0); }
  void Retract(std::uint64_t bytes) override { builder_.Unkeep(bytes); }

 private:
  MessageBuilder& builder_;
};

bool MessageBuilder::Take(std::uint64_t bytes) {
  if (!budget_.Take(bytes)) return false;
  taken_bytes_ += bytes;
  return true;
}

bool MessageBuilder::SetHead(std::string_view head, std::string_view method,
                             std::string_view target) {
  if (!Take(head.size() + method.size() + target.size())) return false;
  message_.head = head;
  message_.method = method;
  message_.target = target;
  return true;
}

bool MessageBuilder::Reserve(std::uint64_t needed_bytes, std::uint64_t expected_bytes) {
  if (needed_bytes <= body_capacity_) return true;
  // At least double: std::string would do so anyway, and then memory and account would differ.
  std::uint64_t capacity = std::max(needed_bytes, 2 * body_capacity_);
  capacity = std::max(
      capacity, std::min({expected_bytes, limits_.body_bytes, needed_bytes + kReserveAheadBytes}));
  if (!Take(capacity - body_capacity_)) return false;
  body_capacity_ = capacity;
  message_.body.reserve(capacity);
  return true;
}

void MessageBuilder::Count(std::uint64_t bytes) {
  message_.content_bytes = AddSaturating(message_.content_bytes, bytes);
}

void MessageBuilder::Append(std::string_view content, std::uint64_t expected_bytes) {
  Count(content.size());
  if (content.empty() || !StartDecoding()) {
    Keep(content, expected_bytes);
    return;
  }
  Decoded sink(*this);
  decoder_->Feed(content, sink);
}

/// Whether the content goes through a decoder; makes it when the content begins.
bool MessageBuilder::StartDecoding() {
  if (decoder_) return true;
  if (!codings_.removable() || !limits_.decode_content) return false;
  const content::DecoderOptions options{
      .max_bytes = std::max(limits_.decoded_bytes, limits_.body_bytes),
      .never_retract = cutting_ != nullptr};
  decoder_ = std::make_unique<content::ContentDecoder>(codings_, options, budget_);
  return true;
}

/// Says in the message what was done to its body.
void MessageBuilder::NoteDecoding() {
  if (!decoder_) return;
  message_.decode_error = decoder_->error();
  if (!decoder_->decoding()) return;
  message_.decoded_from = codings_.Text();
  if (codings_.Has(content::Coding::kGzip)) message_.packet = PacketType::kGzip;
}

void MessageBuilder::Keep(std::string_view content, std::uint64_t expected_bytes) {
  if (cutting_ && cutting_->rule == content::PartRule::kEvents) {
    for (;;) {
      const std::size_t end = cutting_->cutter.Find(content);
      if (end == content::EventCutter::kNone) break;
      KeepPiece(content.substr(0, end), 0);
      content.remove_prefix(end);
      CutPart(message_.body.size());
    }
  }
  KeepPiece(content, expected_bytes);
}

void MessageBuilder::KeepPiece(std::string_view content, std::uint64_t expected_bytes) {
  const std::uint64_t size = message_.body.size();
  if (cutting_ && size == 0) message_.first_ktime_ns = message_.last_ktime_ns;
  std::uint64_t keep = 0;
  if (!sealed_) {
    // The limit may have been lowered since the body began.
    const std::uint64_t room = limits_.body_bytes - std::min(limits_.body_bytes, size);
    keep = std::min<std::uint64_t>(content.size(), room);
    if (!Reserve(size + keep, expected_bytes)) keep = 0;
    message_.body.append(content.data(), keep);
    if (cutting_) NoteLineEnd(size);
  }
  if (keep == content.size()) return;
  // What comes later must not be glued to what came before the cut.
  sealed_ = true;
  message_.cut_bytes += content.size() - keep;
}

/// The body has grown from `from` bytes.
void MessageBuilder::NoteLineEnd(std::size_t from) {
  const std::size_t last = std::string_view(message_.body).substr(from).rfind('\n');
  if (last != std::string_view::npos) cutting_->line_end = from + last + 1;
}

/// Takes the last `bytes` bytes back that Keep was given.
void MessageBuilder::Unkeep(std::uint64_t bytes) {
  const std::uint64_t cut = std::min(bytes, message_.cut_bytes);
  message_.cut_bytes -= cut;
  message_.body.resize(message_.body.size() - (bytes - cut));
}

void MessageBuilder::AddGap(std::uint64_t bytes) {
  if (StartDecoding()) {
    Decoded sink(*this);
    decoder_->Lose(sink);
  }
  message_.complete = false;
  if (bytes == kUnknownGap) bytes = 0;
  Count(bytes);
  const std::uint64_t position = message_.body.size();
  if (!message_.gaps.empty() && message_.gaps.back().position == position) {
    message_.gaps.back().bytes = AddSaturating(message_.gaps.back().bytes, bytes);
    return;
  }
  message_.gaps.push_back({position, bytes});
  if (message_.gaps.size() >= kMaxGaps) sealed_ = true;
}

bool MessageBuilder::AppendTrailer(std::string_view line) {
  if (line.size() > limits_.head_bytes - message_.trailers.size()) return false;
  if (!Take(line.size())) return false;
  message_.trailers += line;
  return true;
}

void MessageBuilder::EmitInParts(content::PartRule rule, MessageHandler& handler) {
  cutting_ = std::make_unique<Cutting>(Cutting{rule, handler, {}});
  CutPart(0);
}

bool MessageBuilder::holds_part() const {
  if (!cutting_) return false;
  if (cutting_->rule == content::PartRule::kPauses) return !message_.body.empty();
  return cutting_->rule == content::PartRule::kLines && cutting_->line_end != 0;
}

void MessageBuilder::Flush() {
  if (!holds_part()) return;
  const bool lines = cutting_->rule == content::PartRule::kLines;
  CutPart(lines ? cutting_->line_end : message_.body.size());
}

/// Makes a part of the message and of the first `body_bytes` bytes of its body; the rest of the
/// body is the next part's, and decoding goes on.
void MessageBuilder::CutPart(std::size_t body_bytes) {
  NoteDecoding();
  if (decoder_) decoder_->OnPart();
  Message next = NextPart();
  // What was sent cannot be told apart by parts where it was coded.
  message_.content_bytes = body_bytes + message_.cut_bytes;
  for (const BodyGap& gap : message_.gaps) Count(gap.bytes);
  const std::string rest = message_.body.substr(body_bytes);
  message_.body.resize(body_bytes);
  GiveBack();
  cutting_->line_end = 0;
  cutting_->handler.OnMessage(std::move(message_));
  message_ = std::move(next);
  if (!rest.empty()) KeepPiece(rest, 0);
}

void MessageBuilder::EmitPart(MessageHandler& handler) {
  FinishDecoding();
  Message next = NextPart();
  LetGo();
  handler.OnMessage(std::move(message_));
  message_ = std::move(next);
}

/// Numbers the message as a part; what the next part has in common with it.
Message MessageBuilder::NextPart() {
  earlier_bytes_ = AddSaturating(earlier_bytes_, message_.content_bytes);
  earlier_complete_ = earlier_complete_ && message_.complete;
  Message next;
  next.parser = message_.parser;
  next.stream_id = message_.stream_id;
  next.grpc = message_.grpc;
  next.rpc = message_.rpc;
  next.status = message_.status;
  next.exchange = message_.exchange;
  next.part = ++message_.part;
  next.first_ktime_ns = next.last_ktime_ns = message_.last_ktime_ns;
  return next;
}

void MessageBuilder::CountApart(std::uint64_t bytes, bool complete) {
  earlier_bytes_ = AddSaturating(earlier_bytes_, bytes);
  earlier_complete_ = earlier_complete_ && complete;
}

void MessageBuilder::FinishDecoding() {
  if (!decoder_) return;
  Decoded sink(*this);
  decoder_->Finish(sink);
  NoteDecoding();
}

void MessageBuilder::Emit(MessageHandler& handler) {
  FinishDecoding();
  if (parts() != 0) {
    ++message_.part;
    message_.last_part = true;
    message_.complete = message_.complete && earlier_complete_;
    Count(earlier_bytes_);
  }
  LetGo();
  handler.OnMessage(std::move(message_));
  Renew();
}

void MessageBuilder::Drop() {
  LetGo();
  Renew();
}

/// Cheaper than an assignment, which looks at each string on both sides.
void MessageBuilder::Renew() {
  earlier_bytes_ = 0;
  earlier_complete_ = true;
  std::destroy_at(&message_);
  std::construct_at(&message_);
}

/// The memory is another's with the message.
void MessageBuilder::GiveBack() {
  budget_.Give(std::exchange(taken_bytes_, 0));
  body_capacity_ = 0;
  sealed_ = false;
}

/// Of the message only the message itself is left.
void MessageBuilder::LetGo() {
  GiveBack();
  codings_ = {};
  decoder_.reset();
  cutting_.reset();
}

}  // namespace tlscope
