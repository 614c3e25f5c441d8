// SPDX-License-Identifier: Apache-2.0
#include "parsers/websocket/websocket_parser.h"

#include <algorithm>
#include <utility>

namespace tlscope::websocket {
namespace {

// Payload is unmasked in pieces of this size.
constexpr std::size_t kPieceBytes = 4096;

constexpr std::size_t kCloseCodeBytes = 2;

FrameKind KindOf(Opcode opcode) {
  switch (opcode) {
    case Opcode::kText:
      return FrameKind::kText;
    case Opcode::kBinary:
      return FrameKind::kBinary;
    case Opcode::kClose:
      return FrameKind::kClose;
    case Opcode::kPing:
      return FrameKind::kPing;
    case Opcode::kPong:
      return FrameKind::kPong;
    case Opcode::kContinuation:
      break;
  }
  return FrameKind::kNone;
}

}  // namespace

WebSocketParser::WebSocketParser(const Terms& terms, MessageHandler& handler)
    : terms_(terms), handler_(handler), data_(terms.limits, terms.budget) {}

WebSocketParser::WebSocketParser(ParserContext& context, MessageHandler& handler)
    : WebSocketParser({context.limits, context.budget, context.http1.extensions()}, handler) {}

WebSocketParser::~WebSocketParser() = default;

std::size_t WebSocketParser::held_bytes() const {
  return data_.held_bytes() + (control_ ? control_->held_bytes() : 0) +
         (inflater_ ? inflater_->held_bytes() : 0) + rest_.size();
}

ParseStatus WebSocketParser::Feed(std::string_view bytes, std::uint64_t ktime_ns) {
  now_ns_ = ktime_ns;
  while (!bytes.empty() && state_ != State::kDead) {
    bytes.remove_prefix(state_ == State::kHeader ? ReadHeaderBytes(bytes) : ReadPayload(bytes));
  }
  if (state_ != State::kDead) return ParseStatus::kNeedMore;
  rest_ += bytes;
  return ParseStatus::kInvalid;
}

std::size_t WebSocketParser::ReadHeaderBytes(std::string_view bytes) {
  if (header_size_ == 0) header_ktime_ns_ = now_ns_;
  std::size_t taken = 0;
  const auto seen = [this] { return std::string_view(header_.data(), header_size_); };
  while (taken < bytes.size() && (header_size_ == 0 || header_size_ < HeaderBytes(seen()))) {
    header_[header_size_++] = bytes[taken++];
  }
  if (header_size_ < HeaderBytes(seen())) return taken;
  if (!ReadHeader(seen(), frame_) || !InOrder()) {
    Die();
    return taken;
  }
  header_size_ = 0;
  BeginFrame();
  return taken;
}

/// RFC 6455 5.4: fragments of messages do not mix; 5.1: all of a side's frames are masked, or none.
bool WebSocketParser::InOrder() const {
  if (known_side_ && frame_.masked != masked_) return false;
  return frame_.control() || (frame_.opcode == Opcode::kContinuation) == in_message_;
}

void WebSocketParser::BeginFrame() {
  known_side_ = true;
  masked_ = frame_.masked;
  remaining_ = frame_.payload_bytes;
  state_ = State::kPayload;
  if (frame_.control()) {
    control_ = std::make_unique<MessageBuilder>(terms_.limits, terms_.budget);
    code_bytes_ = 0;
  }
  if (frame_.opcode != Opcode::kContinuation) BeginMessage();
  const bool first = frame_.opcode == Opcode::kText || frame_.opcode == Opcode::kBinary;
  const unsigned explained = first && terms_.extensions.deflate ? kRsv1 : 0;
  if ((frame_.rsv & ~explained) != 0) {
    current().message().decode_error = "reserved bits with no known extension to explain them";
  }
  if (remaining_ == 0) EndFrame();
}

void WebSocketParser::BeginMessage() {
  Message& message = current().message();
  message.parser = ParserType::kWebSocket;
  message.packet = PacketType::kWebSocket;
  message.frame = KindOf(frame_.opcode);
  message.first_ktime_ns = header_ktime_ns_;
  if (frame_.control()) return;
  in_message_ = true;
  BeginDecoding();
}

void WebSocketParser::BeginDecoding() {
  const Extensions& extensions = terms_.extensions;
  // With other bits set an unknown extension has changed the payload after compression.
  inflating_ = frame_.rsv == kRsv1 && extensions.deflate && terms_.limits.decode_content;
  if (!inflating_) return;
  data_.message().decoded_from = "permessage-deflate";
  if (inflater_) return;
  const std::uint64_t max_bytes = std::max(terms_.limits.decoded_bytes, terms_.limits.body_bytes);
  inflater_ = std::make_unique<MessageInflater>(masked_ ? extensions.client : extensions.server,
                                                max_bytes, terms_.budget);
}

std::size_t WebSocketParser::ReadPayload(std::string_view bytes) {
  std::array<char, kPieceBytes> unmasked;
  std::string_view piece = bytes.substr(0, remaining_);
  if (frame_.masked) {
    piece = piece.substr(0, unmasked.size());
    Unmask(piece, frame_.mask, frame_.payload_bytes - remaining_, unmasked.data());
  }
  const std::size_t taken = piece.size();
  TakePayload(frame_.masked ? std::string_view(unmasked.data(), taken) : piece);
  remaining_ -= taken;
  if (remaining_ == 0) EndFrame();
  return taken;
}

void WebSocketParser::TakePayload(std::string_view payload) {
  if (frame_.control()) {
    TakeControl(payload);
  } else if (inflating_) {
    data_.Count(payload.size());
    inflater_->Feed(payload, data_);
  } else {
    data_.Append(payload, data_.message().body.size() + remaining_);
  }
}

void WebSocketParser::TakeControl(std::string_view payload) {
  // RFC 6455 5.5.1: a close frame's payload begins with a code, or is empty.
  if (frame_.opcode == Opcode::kClose && frame_.payload_bytes >= kCloseCodeBytes) {
    Message& message = control_->message();
    while (code_bytes_ < kCloseCodeBytes && !payload.empty()) {
      const auto byte = static_cast<unsigned char>(payload.front());
      message.close_code = static_cast<std::uint16_t>(message.close_code << 8U | byte);
      ++code_bytes_;
      payload.remove_prefix(1);
    }
  }
  control_->Append(payload, 0);
}

void WebSocketParser::EndFrame() {
  state_ = State::kHeader;
  if (frame_.control()) {
    EmitControl();
  } else if (frame_.fin) {
    EmitData();
  }
}

void WebSocketParser::EmitData() {
  in_message_ = false;
  if (std::exchange(inflating_, false)) {
    if (!data_.message().complete) inflater_->Abandon();
    std::string error = inflater_->Finish(data_);
    if (!error.empty()) data_.message().decode_error = std::move(error);
  }
  data_.message().last_ktime_ns = now_ns_;
  data_.Emit(handler_);
}

void WebSocketParser::EmitControl() {
  control_->message().last_ktime_ns = now_ns_;
  control_->Emit(handler_);
  control_.reset();
}

/// What is being read ends here, not whole.
void WebSocketParser::EmitUnfinished() {
  if (control_) {
    control_->message().complete = false;
    EmitControl();
  }
  if (!in_message_) return;
  data_.message().complete = false;
  EmitData();
}

/// Nothing that follows the frames read so far can be understood.
ParseStatus WebSocketParser::Die() {
  EmitUnfinished();
  inflater_.reset();
  rest_.assign(header_.data(), std::exchange(header_size_, std::uint8_t{0}));
  state_ = State::kDead;
  return ParseStatus::kInvalid;
}

void WebSocketParser::LosePayload(std::uint64_t bytes) {
  if (frame_.control()) {
    // Half a code is none.
    if (code_bytes_ < kCloseCodeBytes) control_->message().close_code = 0;
    code_bytes_ = kCloseCodeBytes;
  } else if (inflating_) {
    inflater_->Lose();
  }
  current().AddGap(bytes);
}

ParseStatus WebSocketParser::Gap(std::uint64_t bytes, std::uint64_t ktime_ns) {
  if (state_ == State::kDead) return ParseStatus::kInvalid;
  now_ns_ = ktime_ns;
  if (state_ == State::kHeader) return Die();
  if (bytes > remaining_) {
    LosePayload(0);
    return Die();
  }
  LosePayload(bytes);
  remaining_ -= bytes;
  if (remaining_ == 0) EndFrame();
  return ParseStatus::kNeedMore;
}

void WebSocketParser::Finish(StreamEnd /*end*/) {
  if (state_ == State::kDead) return;
  EmitUnfinished();
  inflater_.reset();
  if (header_size_ == 0) return;
  // Half a header is bytes of no message.
  data_.message().first_ktime_ns = header_ktime_ns_;
  data_.message().last_ktime_ns = now_ns_;
  data_.message().complete = false;
  data_.Append({header_.data(), std::exchange(header_size_, std::uint8_t{0})}, 0);
  data_.Emit(handler_);
}

std::string WebSocketParser::TakeRest() { return std::exchange(rest_, {}); }

void WebSocketParser::Reset() {
  state_ = State::kHeader;
  in_message_ = false;
  inflating_ = false;
  known_side_ = false;
  header_size_ = 0;
  data_.Drop();
  control_.reset();
  inflater_.reset();
  rest_.clear();
}

std::unique_ptr<StreamParser> MakeWebSocketParser(ParserContext& context, MessageHandler& handler) {
  return std::make_unique<WebSocketParser>(context, handler);
}

}  // namespace tlscope::websocket
