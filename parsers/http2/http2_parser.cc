// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/http2_parser.h"

#include <algorithm>
#include <utility>

#include "parsers/http2/frame_text.h"

namespace tlscope::http2 {
namespace {

// Of a SETTINGS frame or the like: what the frame log shows, and more than is acted on.
constexpr std::size_t kMaxControlBytes = 128;
// An idle direction keeps no larger buffer for header lists than this.
constexpr std::size_t kIdleListBytes = 4096;

Sender SenderOf(Start start) {
  if (start == Start::kLate) return Sender::kUnknown;
  return start == Start::kOfClient ? Sender::kClient : Sender::kServer;
}

}  // namespace

Http2Parser::Http2Parser(Start start, ParserContext& context, MessageHandler& handler)
    : start_(start),
      context_(context),
      handler_(handler),
      search_(context.budget),
      hpack_(context.budget),
      assembler_(SenderOf(start), context, handler) {
  Begin();
}

Http2Parser::~Http2Parser() { context_.budget.Give(list_taken_); }

void Http2Parser::Begin() {
  if (start_ == Start::kOfClient) preface_left_ = kPreface.size();
  if (start_ != Start::kLate) return;
  hpack_.Lose();
  assembler_.NoteResynchronised();
}

std::size_t Http2Parser::held_bytes() const {
  const std::uint64_t skipped = skipped_ ? skipped_->held_bytes() : 0;
  return search_.held_bytes() + list_taken_ + skipped + hpack_.held_bytes() +
         assembler_.held_bytes();
}

ParseStatus Http2Parser::Feed(std::string_view bytes, std::uint64_t ktime_ns) {
  now_ns_ = ktime_ns;
  if (preface_left_ != 0) ReadPreface(bytes);
  if (searching_) {
    Search(bytes);
  } else {
    Run(bytes);
  }
  SettleList();
  return ParseStatus::kNeedMore;
}

void Http2Parser::ReadPreface(std::string_view& bytes) {
  const std::string_view rest = kPreface.substr(kPreface.size() - preface_left_);
  const std::size_t count = std::min(bytes.size(), rest.size());
  if (bytes.substr(0, count) != rest.substr(0, count)) {
    Skip(kPreface.substr(0, kPreface.size() - preface_left_));
    preface_left_ = 0;
    LoseFraming();
    return;
  }
  bytes.remove_prefix(count);
  preface_left_ -= count;
}

void Http2Parser::Run(std::string_view bytes) {
  for (;;) {
    if (reader_.between_frames()) {
      if (bytes.empty()) return;
      frame_ktime_ns_ = now_ns_;
    }
    switch (reader_.Next(bytes)) {
      case FrameReader::Event::kNeedMore:
        return;
      case FrameReader::Event::kBegin:
        OnBegin();
        break;
      case FrameReader::Event::kPayload:
        OnPiece(reader_.piece());
        break;
      case FrameReader::Event::kEnd:
        OnEnd();
        break;
      case FrameReader::Event::kBroken: {
        std::string rest(reader_.TakeHeader());
        LoseFraming();
        Search(rest.append(bytes));
        return;
      }
    }
  }
}

void Http2Parser::OnBegin() {
  const FrameHeader& frame = reader_.frame();
  // RFC 9113 6.10: nothing may come between the frames of a header block.
  const bool continues =
      frame.type == FrameType::kContinuation && frame.stream_id == block_.stream_id;
  if (block_.open && !continues) {
    hpack_.Lose();
    BreakBlock();
  }
  control_.clear();
  control_lost_ = false;
  if (frame.type == FrameType::kHeaders || frame.type == FrameType::kPushPromise) {
    BeginBlock();
  } else if (frame.type == FrameType::kContinuation && !block_.open) {
    hpack_.Lose();
  }
}

void Http2Parser::OnPiece(std::string_view piece) {
  const FrameHeader& frame = reader_.frame();
  if (frame.type == FrameType::kData) {
    assembler_.SetTime(frame_ktime_ns_, now_ns_);
    assembler_.OnData(frame.stream_id, piece);
  } else if (CarriesHeaders(frame.type)) {
    FeedBlock(piece, reader_.content_left() == 0 && frame.has(kFlagEndHeaders));
  } else if (control_.size() < kMaxControlBytes) {
    control_ += piece.substr(0, kMaxControlBytes - control_.size());
  }
}

void Http2Parser::OnEnd() {
  const FrameHeader& frame = reader_.frame();
  if (handler_.WantsFrames()) LogFrame();
  assembler_.SetTime(frame_ktime_ns_, now_ns_);
  if (frame.type == FrameType::kData) {
    assembler_.OnDataEnd(frame.stream_id, frame.has(kFlagEndStream));
  } else if (!CarriesHeaders(frame.type)) {
    OnControlEnd();
  } else if (frame.has(kFlagEndHeaders) && block_.open) {
    FeedBlock({}, true);
    EndBlock();
  }
}

void Http2Parser::OnControlEnd() {
  const FrameHeader& frame = reader_.frame();
  if (frame.type == FrameType::kRstStream) assembler_.OnReset(frame.stream_id);
  if (frame.type == FrameType::kGoAway && !control_lost_) {
    assembler_.OnGoAway(ReadUint32(control_, 0) & 0x7fffffffU);
  }
}

void Http2Parser::LogFrame() {
  const FrameHeader& frame = reader_.frame();
  std::string type(FrameTypeName(frame.type));
  if (type.empty()) type = std::to_string(static_cast<unsigned>(frame.type));
  std::string detail("lost");
  if (!control_lost_) {
    detail = DetailText({frame, reader_.pad_bytes(), reader_.promised_stream(), control_});
  }
  handler_.OnFrame({.type = type,
                    .flags = FlagsText(frame),
                    .stream_id = frame.stream_id,
                    .length = frame.length,
                    .detail = detail,
                    .ktime_ns = frame_ktime_ns_});
}

void Http2Parser::BeginBlock() {
  const FrameHeader& frame = reader_.frame();
  block_ = Block();
  block_.open = true;
  block_.promise = frame.type == FrameType::kPushPromise;
  block_.end_stream = !block_.promise && frame.has(kFlagEndStream);
  block_.stream_id = frame.stream_id;
  block_.message_id = block_.promise ? reader_.promised_stream() : frame.stream_id;
  block_.ktime_ns = frame_ktime_ns_;
  list_.Begin(context_.limits.head_bytes);
}

void Http2Parser::FeedBlock(std::string_view piece, bool last) {
  if (!block_.open || block_.lost || block_.ended) return;
  block_.ended = last;
  if (hpack_.Feed(piece, last, list_)) return;
  block_.lost = true;
  list_.Break();
}

void Http2Parser::EndBlock() {
  block_.open = false;
  list_.End();
  assembler_.SetTime(block_.ktime_ns, now_ns_);
  if (block_.promise) {
    assembler_.OnPush(block_.message_id, list_);
  } else {
    assembler_.OnHeaders(block_.message_id, list_, block_.end_stream);
  }
}

void Http2Parser::BreakBlock() {
  if (!block_.open) return;
  list_.Break();
  EndBlock();
}

ParseStatus Http2Parser::Gap(std::uint64_t bytes, std::uint64_t ktime_ns) {
  now_ns_ = ktime_ns;
  if (!searching_ && preface_left_ == 0 && reader_.in_payload() && bytes <= reader_.frame_left()) {
    JumpInFrame(bytes);
    SettleList();
    return ParseStatus::kNeedMore;
  }
  if (!searching_) {
    Skip(kPreface.substr(0, preface_left_ == 0 ? 0 : kPreface.size() - preface_left_));
    preface_left_ = 0;
    LoseFraming();
    Skip(reader_.TakeHeader());
    reader_.Reset();
  }
  hpack_.Lose();
  Skip(search_.Take());
  if (skipped_ && !skipped_->empty()) skipped_->AddGap(bytes);
  EmitSkipped();
  SettleList();
  return ParseStatus::kNeedMore;
}

void Http2Parser::JumpInFrame(std::uint64_t bytes) {
  const FrameHeader& frame = reader_.frame();
  const std::uint64_t content = reader_.Jump(bytes);
  if (content != 0 && frame.type == FrameType::kData) {
    assembler_.SetTime(frame_ktime_ns_, now_ns_);
    assembler_.OnDataLost(frame.stream_id, content);
  } else if (content != 0 && CarriesHeaders(frame.type)) {
    hpack_.Lose();
    if (block_.open) list_.Break();
    block_.lost = true;
  } else if (content != 0) {
    control_lost_ = true;
  }
  Run({});
}

// Where the next frame begins is not known, nor what was in those before it.
void Http2Parser::LoseFraming() {
  assembler_.SetTime(frame_ktime_ns_, now_ns_);
  if (reader_.in_payload() && reader_.frame().type == FrameType::kData &&
      reader_.content_left() != 0) {
    assembler_.OnDataLost(reader_.frame().stream_id, reader_.content_left());
  }
  BreakBlock();
  hpack_.Lose();
  assembler_.OnLoss();
  searching_ = true;
}

void Http2Parser::Search(std::string_view bytes) {
  const FrameSearch::Result result = search_.Feed(bytes);
  Skip(result.skipped);
  if (!result.found) return;
  EmitSkipped();
  searching_ = false;
  Run(result.frames);
}

void Http2Parser::Skip(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!skipped_) skipped_ = std::make_unique<MessageBuilder>(context_.limits, context_.budget);
  if (skipped_->empty()) skipped_->message().first_ktime_ns = now_ns_;
  skipped_->message().last_ktime_ns = now_ns_;
  skipped_->Append(bytes, 0);
}

void Http2Parser::EmitSkipped() {
  if (skipped_ && !skipped_->empty()) skipped_->Emit(handler_);
  skipped_.reset();
}

// A header list is put together outside the budget; what stays of it between calls is inside.
void Http2Parser::SettleList() {
  context_.budget.Give(std::exchange(list_taken_, 0));
  if (!block_.open && list_.held_bytes() > kIdleListBytes) list_.ReleaseMemory();
  if (context_.budget.Take(list_.held_bytes())) {
    list_taken_ = list_.held_bytes();
    return;
  }
  list_.ReleaseMemory();
  if (block_.open) list_.Forgo();
}

void Http2Parser::Flush() {
  EmitSkipped();
  assembler_.Flush();
}

void Http2Parser::Finish(StreamEnd /*end*/) {
  assembler_.SetTime(frame_ktime_ns_, now_ns_);
  BreakBlock();
  Skip(reader_.TakeHeader());
  Skip(search_.Take());
  if (skipped_) skipped_->message().complete = false;
  EmitSkipped();
  assembler_.Finish();
  hpack_.Reset();
  list_.ReleaseMemory();
  SettleList();
}

void Http2Parser::Reset() {
  search_.Take();
  hpack_.Reset();
  assembler_.Reset();
  reader_.Reset();
  block_ = Block();
  list_.ReleaseMemory();
  SettleList();
  skipped_.reset();
  searching_ = false;
  Begin();
}

std::unique_ptr<StreamParser> MakeClientParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<Http2Parser>(Start::kOfClient, context, handler);
}

std::unique_ptr<StreamParser> MakeServerParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<Http2Parser>(Start::kOfServer, context, handler);
}

std::unique_ptr<StreamParser> MakeLateParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<Http2Parser>(Start::kLate, context, handler);
}

}  // namespace tlscope::http2
