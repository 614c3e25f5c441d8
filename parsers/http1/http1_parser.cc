// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/http1_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "parsers/http1/start_line.h"

namespace tlscope::http1 {
namespace {

// What a status line is told by: "HTTP/1.1 200".
constexpr std::size_t kStatusBytes = 12;

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
      body_(role),
      message_(context.limits, context.budget),
      skipped_(context.limits, context.budget),
      carry_(context.budget) {}

ParserType Http1Parser::type() const {
  return role_ == Role::kRequest ? ParserType::kHttp1Request : ParserType::kHttp1Response;
}

std::size_t Http1Parser::held_bytes() const {
  return carry_.bytes().size() + rest_.size() + message_.held_bytes() + skipped_.held_bytes();
}

ParseStatus Http1Parser::Feed(std::string_view bytes, std::uint64_t ktime_ns) {
  if (!bytes.empty()) now_ns_ = ktime_ns;
  carry_.Feed(bytes, ktime_ns, [this](std::string_view left, std::uint64_t left_ktime_ns) {
    return StepOnce(left, left_ktime_ns);
  });
  if (state_ == State::kStopped) {
    rest_ += carry_.Take();
    return ParseStatus::kUpgrade;
  }
  SettleCarried();
  return ParseStatus::kNeedMore;
}

ParseStatus Http1Parser::Gap(std::uint64_t bytes, std::uint64_t ktime_ns) {
  if (AtUpgrade()) {
    Stop();
    rest_ += carry_.Take();
  }
  if (state_ == State::kPeek) EndPeek();
  switch (state_) {
    case State::kStopped:
      return ParseStatus::kUpgrade;
    case State::kBody:
      LoseInBody(bytes, ktime_ns);
      break;
    case State::kPeek:  // ended above
    case State::kHead:
    case State::kSkip:
      AbandonLine(bytes);
      Resynchronise();
      break;
  }
  return ParseStatus::kNeedMore;
}

void Http1Parser::Finish(StreamEnd end) {
  if (state_ == State::kPeek) EndPeek();
  switch (state_) {
    case State::kStopped:
      break;
    case State::kBody:
      EndBody(end);
      break;
    case State::kPeek:  // ended above
    case State::kHead:
    case State::kSkip:
      AbandonLine(0);
      break;
  }
}

void Http1Parser::Flush() {
  skipped_.Emit(handler_);
  message_.Flush();
}

std::string Http1Parser::TakeRest() { return std::exchange(rest_, {}); }

void Http1Parser::Reset() {
  carry_.Drop();
  rest_.clear();
  message_.Drop();
  skipped_.Drop();
  state_ = State::kHead;
  resynchronising_ = joined_ = false;
  final_response_ = false;
  head_.Begin(false);
}

Step Http1Parser::StepOnce(std::string_view bytes, std::uint64_t ktime_ns) {
  message_.message().last_ktime_ns = now_ns_;
  switch (state_) {
    case State::kHead:
      return StepHead(bytes, ktime_ns);
    case State::kSkip:
      return StepSkip(bytes, ktime_ns);
    case State::kPeek:
      return StepPeek(bytes);
    case State::kBody:
      return StepBody(bytes);
    case State::kStopped:
      break;
  }
  return {0, true};
}

Step Http1Parser::StepHead(std::string_view bytes, std::uint64_t ktime_ns) {
  if (AtUpgrade()) {
    Stop();
    return {0, true};
  }
  if (head_.fresh()) {
    if (!resynchronising_) {
      if (const std::size_t line_ends = LineEndBytes(bytes)) return {line_ends, false};
    }
    head_ktime_ns_ = ktime_ns;
  }
  const std::uint64_t limit = context_.limits.head_bytes;
  switch (head_.Read(bytes.substr(0, limit))) {
    case HeadReader::Result::kNeedMore:
      return bytes.size() < limit ? Step{0, true} : Reject(bytes, ktime_ns);
    case HeadReader::Result::kInvalid:
      return Reject(bytes, ktime_ns);
    case HeadReader::Result::kWhole:
      break;
  }
  return BeginMessage(bytes, ktime_ns);
}

// Takes the first line for what it is not, a head's; the next line gets its chance.
Step Http1Parser::Reject(std::string_view bytes, std::uint64_t ktime_ns) {
  Resynchronise();
  return StepSkip(bytes, ktime_ns);
}

Step Http1Parser::StepSkip(std::string_view bytes, std::uint64_t ktime_ns) {
  if (AtUpgrade()) {
    Stop();
    return {0, true};
  }
  const std::size_t end = bytes.find('\n');
  const std::size_t skip = end == std::string_view::npos ? bytes.size() : end + 1;
  state_ = end == std::string_view::npos ? State::kSkip : State::kHead;
  skipped_.Append(bytes.substr(0, skip), ktime_ns, now_ns_);
  return {skip, false};
}

// No more of the head or line that is held in part will come: `gap_bytes` are lost behind it (0:
// the stream ends). Ends what is skipped.
void Http1Parser::AbandonLine(std::uint64_t gap_bytes) {
  if (!carry_.empty()) {
    SkipCarried();
    skipped_.EndEarly();
  }
  if (gap_bytes != 0) skipped_.AddGap(gap_bytes);
  skipped_.Emit(handler_);
}

BodyKind Http1Parser::ReadBodyKind() const {
  return role_ == Role::kRequest
             ? RequestBody(head_.fields())
             : ResponseBody(head_.fields(), head_.status(), context_.http1.Next());
}

Step Http1Parser::BeginMessage(std::string_view bytes, std::uint64_t ktime_ns) {
  const std::string_view head = bytes.substr(0, head_.size());
  const std::string_view method = head_.method(head);
  const BodyKind body = ReadBodyKind();
  if (body == BodyKind::kInvalid || !message_.SetHead(head, method, head_.target(head))) {
    return Reject(bytes, ktime_ns);
  }
  skipped_.Emit(handler_);
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

void Http1Parser::EnterBody(BodyKind kind) {
  const FramingFields& fields = head_.fields();
  if (fields.from_start(head_.status())) message_.Decode(fields.codings());
  switch (kind) {
    case BodyKind::kLength:
    case BodyKind::kUntilClose:
    case BodyKind::kChunked:
      body_.Begin(kind, fields.content_length());
      // What looks like a chunk size is no status line.
      if (role_ == Role::kResponse && kind != BodyKind::kChunked &&
          message_.message().exchange == 0) {
        state_ = State::kPeek;
      } else {
        StartBody();
      }
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
}

Step Http1Parser::StepPeek(std::string_view bytes) {
  bytes = bytes.substr(0, kStatusBytes);
  if (!MayBeginStartLine(Role::kResponse, bytes)) {
    StartBody();
  } else if (bytes.size() < kStatusBytes) {
    return {0, true};
  } else {
    EmitMessage();
  }
  return {0, false};
}

// No more bytes to tell it by: the head is believed.
void Http1Parser::EndPeek() {
  StartBody();
  carry_.Replay(
      [this](std::string_view left, std::uint64_t ktime_ns) { return StepOnce(left, ktime_ns); });
}

// A response that may go on for long is shown as it comes. One whose length is known and that is no
// stream of events will end soon enough.
void Http1Parser::StartBody() {
  state_ = State::kBody;
  const content::PartRule rule = head_.fields().part_rule();
  if (rule == content::PartRule::kWhole || role_ != Role::kResponse) return;
  if (body_.kind() == BodyKind::kLength && rule != content::PartRule::kEvents) return;
  message_.message().last_ktime_ns = now_ns_;
  message_.EmitInParts(rule, handler_);
}

Step Http1Parser::StepBody(std::string_view bytes) {
  const BodyReader::Result result = body_.Read(bytes, message_);
  switch (result.status) {
    case BodyReader::Status::kNeedMore:
      return {result.consumed, true};
    case BodyReader::Status::kDone:
      EmitMessage();
      break;
    case BodyReader::Status::kBroken:
      EmitIncomplete();
      Resynchronise();
      break;
  }
  return {result.consumed, false};
}

void Http1Parser::LoseInBody(std::uint64_t bytes, std::uint64_t ktime_ns) {
  const BodyReader::Result result = body_.Lose(bytes, message_);
  switch (result.status) {
    case BodyReader::Status::kNeedMore:
      break;
    case BodyReader::Status::kDone:
      now_ns_ = ktime_ns;
      EmitMessage();
      if (result.consumed < bytes) Resynchronise();
      break;
    case BodyReader::Status::kBroken:
      carry_.Drop();
      EmitIncomplete();
      Resynchronise();
      break;
  }
}

void Http1Parser::EndBody(StreamEnd end) {
  carry_.Drop();
  if (!body_.EndsWith(end)) message_.message().complete = false;
  EmitMessage();
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

void Http1Parser::SkipCarried() {
  skipped_.Append(carry_.bytes(), carry_.ktime_ns(), now_ns_);
  carry_.Drop();
}

void Http1Parser::SettleCarried() {
  if (carry_.Settle()) return;
  if (state_ == State::kPeek) EndPeek();
  if (carry_.empty()) return;
  // No room to wait for the rest of a head or line: as if it were none. The counts say so.
  if (state_ == State::kBody) EmitIncomplete();
  Resynchronise();
  SkipCarried();
  state_ = State::kSkip;
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

bool Http1Parser::AtUpgrade() const {
  return role_ == Role::kRequest && context_.http1.upgraded() &&
         (state_ == State::kHead || state_ == State::kSkip);
}

// What was skipped since the request that led here already was the next protocol's.
void Http1Parser::Stop() {
  state_ = State::kStopped;
  if (std::optional<std::string> skipped = skipped_.TakeWhole()) {
    rest_ = *std::move(skipped);
  } else {
    skipped_.Emit(handler_);
  }
}

std::unique_ptr<StreamParser> MakeRequestParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<Http1Parser>(Role::kRequest, context, handler);
}

std::unique_ptr<StreamParser> MakeResponseParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<Http1Parser>(Role::kResponse, context, handler);
}

}  // namespace tlscope::http1
