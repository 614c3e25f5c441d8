// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/http1_parser.h"

#include <algorithm>
#include <utility>

#include "parsers/http1/start_line.h"

namespace tlscope::http1 {
namespace {

// While part of a head is held, new bytes are appended to it in slices of this size, so that a
// large call after a split head is not copied whole.
constexpr std::size_t kSliceBytes = 4096;

// What a status line is told by: "HTTP/1.1 200".
constexpr std::size_t kStatusBytes = 12;

// An idle connection keeps no larger buffer than this.
constexpr std::size_t kIdlePendingBytes = 512;

MethodKind KindOf(std::string_view method) {
  if (method == "HEAD") return MethodKind::kHead;
  if (method == "CONNECT") return MethodKind::kConnect;
  return MethodKind::kOther;
}

// RFC 9112 2.2: empty lines before a start line are ignored. Real servers (nginx, llhttp) pass over
// any run of CR and LF.
std::size_t LineEndBytes(std::string_view bytes) {
  return std::min(bytes.find_first_not_of("\r\n"), bytes.size());
}

}  // namespace

Http1Parser::Http1Parser(Role role, ParserContext& context, MessageHandler& handler)
    : role_(role),
      context_(context),
      handler_(handler),
      head_(role),
      chunked_(role),
      message_(context.limits, context.budget) {}

Http1Parser::~Http1Parser() { context_.budget.Give(pending_taken_); }

ParserType Http1Parser::type() const {
  return role_ == Role::kRequest ? ParserType::kHttp1Request : ParserType::kHttp1Response;
}

std::size_t Http1Parser::held_bytes() const {
  const std::uint64_t skipped = skipped_ ? skipped_->held_bytes() : 0;
  return pending_.size() + rest_.size() + message_.held_bytes() + skipped;
}

ParseStatus Http1Parser::Feed(std::string_view bytes, std::uint64_t ktime_ns) {
  if (state_ != State::kStopped && !bytes.empty()) {
    now_ns_ = ktime_ns;
    if (!pending_.empty()) FeedPending(bytes);
    if (!bytes.empty() && state_ != State::kStopped) {
      fresh_from_ = 0;
      bytes.remove_prefix(Run(bytes));
      if (state_ != State::kStopped) Keep(bytes);
    }
    if (pending_.size() != pending_taken_) SettlePending();
  }
  if (state_ != State::kStopped) return ParseStatus::kNeedMore;
  rest_ += std::exchange(pending_, {});
  rest_ += bytes;
  SettlePending();
  return ParseStatus::kUpgrade;
}

void Http1Parser::FeedPending(std::string_view& bytes) {
  while (!bytes.empty() && !pending_.empty() && state_ != State::kStopped) {
    fresh_from_ = pending_.size();
    pending_ += bytes.substr(0, kSliceBytes);
    bytes.remove_prefix(std::min(bytes.size(), kSliceBytes));
    const std::size_t consumed = Run(pending_);
    if (consumed >= fresh_from_) pending_ktime_ns_ = now_ns_;
    pending_.erase(0, consumed);
  }
  if (pending_.empty() && pending_.capacity() > kIdlePendingBytes) std::string().swap(pending_);
}

void Http1Parser::Keep(std::string_view bytes) {
  if (bytes.empty()) return;
  pending_ = bytes;
  pending_ktime_ns_ = now_ns_;
}

void Http1Parser::SettlePending() {
  ByteBudget& budget = context_.budget;
  budget.Give(std::exchange(pending_taken_, 0));
  if (budget.Take(pending_.size())) {
    pending_taken_ = pending_.size();
    return;
  }
  if (state_ == State::kPeek) EndPeek();
  if (pending_.empty()) return;
  // No room to wait for the rest of a head or line: as if it were none. The counts say so.
  const std::string bytes = std::exchange(pending_, {});
  position_ = 0;
  fresh_from_ = bytes.size();
  if (state_ == State::kChunked) EmitIncomplete();
  Resynchronise();
  Skip(bytes);
  state_ = State::kSkip;
}

std::size_t Http1Parser::Run(std::string_view bytes) {
  position_ = 0;
  while (position_ < bytes.size() && state_ != State::kStopped) {
    const Step step = StepOnce(bytes.substr(position_));
    position_ += step.consumed;
    if (step.waiting) break;
  }
  return position_;
}

Http1Parser::Step Http1Parser::StepOnce(std::string_view bytes) {
  message_.message().last_ktime_ns = now_ns_;
  switch (state_) {
    case State::kHead:
      return StepHead(bytes);
    case State::kSkip:
      return StepSkip(bytes);
    case State::kPeek:
      return StepPeek(bytes);
    case State::kLength:
      return StepLength(bytes);
    case State::kChunked:
      return StepChunked(bytes);
    case State::kUntilClose:
      message_.Append(bytes, 0);
      return {bytes.size(), false};
    case State::kStopped:
      break;
  }
  return {0, true};
}

std::uint64_t Http1Parser::KtimeHere() const {
  return position_ < fresh_from_ ? pending_ktime_ns_ : now_ns_;
}

Http1Parser::Step Http1Parser::StepHead(std::string_view bytes) {
  if (AtUpgrade()) {
    Stop();
    return {0, true};
  }
  if (head_.fresh()) {
    if (!resynchronising_) {
      if (const std::size_t line_ends = LineEndBytes(bytes)) return {line_ends, false};
    }
    head_ktime_ns_ = KtimeHere();
  }
  const std::uint64_t limit = context_.limits.head_bytes;
  switch (head_.Read(bytes.substr(0, limit))) {
    case HeadReader::Result::kNeedMore:
      return bytes.size() < limit ? Step{0, true} : Reject(bytes);
    case HeadReader::Result::kInvalid:
      return Reject(bytes);
    case HeadReader::Result::kWhole:
      break;
  }
  return BeginMessage(bytes);
}

// Takes the first line for what it is not, a head's; the next line gets its chance.
Http1Parser::Step Http1Parser::Reject(std::string_view bytes) {
  Resynchronise();
  return StepSkip(bytes);
}

Http1Parser::Step Http1Parser::StepSkip(std::string_view bytes) {
  if (AtUpgrade()) {
    Stop();
    return {0, true};
  }
  const std::size_t end = bytes.find('\n');
  const std::size_t skip = end == std::string_view::npos ? bytes.size() : end + 1;
  state_ = end == std::string_view::npos ? State::kSkip : State::kHead;
  Skip(bytes.substr(0, skip));
  return {skip, false};
}

BodyKind Http1Parser::ReadBodyKind() const {
  return role_ == Role::kRequest
             ? RequestBody(head_.fields())
             : ResponseBody(head_.fields(), head_.status(), context_.http1.Next());
}

Http1Parser::Step Http1Parser::BeginMessage(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, head_.size());
  const std::string_view method = head_.method(head);
  const BodyKind body = ReadBodyKind();
  if (body == BodyKind::kInvalid || !message_.SetHead(head, method, head_.target(head))) {
    return Reject(bytes);
  }
  EmitSkipped();
  Message& message = message_.message();
  message.parser = type();
  message.status = head_.status();
  message.first_ktime_ns = head_ktime_ns_;
  message.resynchronised = resynchronising_ || joined_;
  resynchronising_ = joined_ = false;
  if (role_ == Role::kRequest) {
    NoteRequest(method);
  } else {
    NoteResponse(head, body);
  }
  EnterBody(body);
  return {head.size(), false};
}

void Http1Parser::NoteRequest(std::string_view method) {
  message_.message().exchange = context_.http1.OnRequest(KindOf(method), head_.fields().upgrade());
}

void Http1Parser::NoteResponse(std::string_view head, BodyKind body) {
  ExchangeQueue& queue = context_.http1;
  message_.message().exchange = queue.Next().exchange;
  final_response_ = head_.status() >= 200 || body == BodyKind::kSwitch;
  if (final_response_) queue.OnFinalResponse();
  if (body != BodyKind::kSwitch) return;
  const bool switched = head_.status() == 101;
  queue.OnUpgrade(switched ? UpgradeKind::kSwitched : UpgradeKind::kTunnel,
                  switched ? head_.upgrade(head) : std::string_view(), head_.fields().extensions());
}

void Http1Parser::EnterBody(BodyKind body) {
  const FramingFields& fields = head_.fields();
  if (fields.from_start(head_.status())) message_.Decode(fields.codings());
  remaining_ = fields.content_length();
  switch (body) {
    case BodyKind::kLength:
      state_ = State::kLength;
      break;
    case BodyKind::kChunked:
      chunked_.Begin();
      state_ = State::kChunked;
      break;
    case BodyKind::kUntilClose:
      state_ = State::kUntilClose;
      break;
    case BodyKind::kNone:
    case BodyKind::kInvalid:
      EmitMessage();
      break;
    case BodyKind::kSwitch:
      EmitMessage();
      Stop();
      break;
  }
  const bool framed = state_ == State::kLength || state_ == State::kUntilClose;
  if (framed && role_ == Role::kResponse && message_.message().exchange == 0) {
    peeked_ = std::exchange(state_, State::kPeek);
  }
  BeginParts();
}

// A response that may go on for long is shown as it comes. One whose length is known and that is no
// stream of events will end soon enough.
void Http1Parser::BeginParts() {
  const content::PartRule rule = head_.fields().part_rule();
  if (rule == content::PartRule::kWhole || role_ != Role::kResponse) return;
  const bool open = state_ == State::kChunked || state_ == State::kUntilClose;
  if (!open && (state_ != State::kLength || rule != content::PartRule::kEvents)) return;
  message_.message().last_ktime_ns = now_ns_;
  message_.EmitInParts(rule, handler_);
}

Http1Parser::Step Http1Parser::StepPeek(std::string_view bytes) {
  bytes = bytes.substr(0, kStatusBytes);
  if (!MayBeginStartLine(Role::kResponse, bytes)) {
    state_ = peeked_;
    BeginParts();
  } else if (bytes.size() < kStatusBytes) {
    return {0, true};
  } else {
    EmitMessage();
  }
  return {0, false};
}

// No more bytes to tell it by: the head is believed.
void Http1Parser::EndPeek() {
  state_ = peeked_;
  BeginParts();
  fresh_from_ = pending_.size();
  pending_.erase(0, Run(pending_));
}

Http1Parser::Step Http1Parser::StepLength(std::string_view bytes) {
  const std::size_t piece = std::min<std::uint64_t>(remaining_, bytes.size());
  message_.Append(bytes.substr(0, piece), head_.fields().content_length());
  remaining_ -= piece;
  if (remaining_ == 0) EmitMessage();
  return {piece, false};
}

Http1Parser::Step Http1Parser::StepChunked(std::string_view bytes) {
  const ChunkedDecoder::Result result = chunked_.Read(bytes, message_);
  switch (result.status) {
    case ChunkedDecoder::Status::kNeedMore:
      return {result.consumed, true};
    case ChunkedDecoder::Status::kDone:
      EmitMessage();
      break;
    case ChunkedDecoder::Status::kBroken:
      EmitIncomplete();
      Resynchronise();
      break;
  }
  return {result.consumed, false};
}

void Http1Parser::EmitMessage() {
  if (std::exchange(final_response_, false)) context_.http1.OnFinalResponseEnd();
  message_.message().last_ktime_ns = now_ns_;
  message_.Emit(handler_);
  state_ = State::kHead;
  head_.Begin(resynchronising_);
}

void Http1Parser::EmitIncomplete() {
  message_.message().complete = false;
  EmitMessage();
}

void Http1Parser::Skip(std::string_view bytes) {
  if (!skipped_) skipped_ = std::make_unique<MessageBuilder>(context_.limits, context_.budget);
  if (skipped_->empty()) skipped_->message().first_ktime_ns = KtimeHere();
  skipped_->message().last_ktime_ns = now_ns_;
  skipped_->Append(bytes, 0);
}

void Http1Parser::EmitSkipped() {
  if (!skipped_) return;
  if (!skipped_->empty()) skipped_->Emit(handler_);
  skipped_.reset();
}

void Http1Parser::Resynchronise() {
  if (role_ == Role::kRequest) {
    context_.http1.OnRequestLoss();
  } else {
    context_.http1.OnResponseLoss();
  }
  resynchronising_ = true;
  state_ = State::kHead;
  head_.Begin(true);
}

// The end of what is skipped, and of the head or line that is held in part.
void Http1Parser::AbandonHead(std::uint64_t gap_bytes) {
  if (!pending_.empty()) {
    position_ = 0;
    fresh_from_ = pending_.size();
    Skip(pending_);
    skipped_->message().complete = false;
    pending_.clear();
  }
  if (gap_bytes != 0 && skipped_ && !skipped_->empty()) skipped_->AddGap(gap_bytes);
  EmitSkipped();
}

void Http1Parser::GapInLength(std::uint64_t bytes, std::uint64_t ktime_ns) {
  const std::uint64_t jump = std::min(bytes, remaining_);
  message_.AddGap(jump);
  remaining_ -= jump;
  if (remaining_ != 0) return;
  now_ns_ = ktime_ns;
  EmitMessage();
  if (bytes > jump) Resynchronise();
}

ParseStatus Http1Parser::Gap(std::uint64_t bytes, std::uint64_t ktime_ns) {
  if (AtUpgrade()) {
    Stop();
    rest_ += std::exchange(pending_, {});
    SettlePending();
  }
  if (state_ == State::kPeek) {
    EndPeek();
    SettlePending();
  }
  switch (state_) {
    case State::kStopped:
      return ParseStatus::kUpgrade;
    case State::kUntilClose:
      message_.AddGap(bytes);
      return ParseStatus::kNeedMore;
    case State::kLength:
      GapInLength(bytes, ktime_ns);
      return ParseStatus::kNeedMore;
    case State::kChunked:
      if (chunked_.Skip(bytes)) {
        message_.AddGap(bytes);
        return ParseStatus::kNeedMore;
      }
      // How much of it was content cannot be told.
      if (!chunked_.content_done()) message_.AddGap(0);
      pending_.clear();
      EmitIncomplete();
      break;
    case State::kPeek:
    case State::kHead:
    case State::kSkip:
      AbandonHead(bytes);
      break;
  }
  SettlePending();
  Resynchronise();
  return ParseStatus::kNeedMore;
}

void Http1Parser::Flush() {
  EmitSkipped();
  message_.Flush();
}

void Http1Parser::Finish(StreamEnd end) {
  if (state_ == State::kPeek) EndPeek();
  switch (state_) {
    case State::kStopped:
      return;
    case State::kPeek:
    case State::kHead:
    case State::kSkip:
      AbandonHead(0);
      break;
    case State::kUntilClose:
      if (end != StreamEnd::kClosed) message_.message().complete = false;
      EmitMessage();
      break;
    case State::kLength:
    case State::kChunked:
      pending_.clear();
      EmitIncomplete();
      break;
  }
  SettlePending();
}

bool Http1Parser::AtUpgrade() const {
  return role_ == Role::kRequest && context_.http1.upgraded() &&
         (state_ == State::kHead || state_ == State::kSkip);
}

// What was skipped since the request that led here already was the next protocol's.
void Http1Parser::Stop() {
  state_ = State::kStopped;
  if (!skipped_) return;
  const Message& skipped = skipped_->message();
  if (skipped.cut_bytes == 0 && skipped.gaps.empty()) {
    rest_ = skipped.body;
    skipped_.reset();
  } else {
    EmitSkipped();
  }
}

std::string Http1Parser::TakeRest() { return std::exchange(rest_, {}); }

void Http1Parser::Reset() {
  context_.budget.Give(std::exchange(pending_taken_, 0));
  pending_.clear();
  rest_.clear();
  message_.Drop();
  skipped_.reset();
  state_ = State::kHead;
  resynchronising_ = joined_ = false;
  final_response_ = false;
  remaining_ = 0;
  head_.Begin(false);
}

std::unique_ptr<StreamParser> MakeRequestParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<Http1Parser>(Role::kRequest, context, handler);
}

std::unique_ptr<StreamParser> MakeResponseParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<Http1Parser>(Role::kResponse, context, handler);
}

}  // namespace tlscope::http1
