// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/message_assembler.h"

#include <algorithm>
#include <utility>

namespace tlscope::http2 {
namespace {

constexpr std::uint16_t kFirstFinalStatus = 200;

bool IsInterim(const HeaderList& list) {
  return list.kind() == HeaderList::Kind::kResponse && list.status() >= 100 &&
         list.status() < kFirstFinalStatus;
}

bool IsTunnelAnswer(std::uint16_t status) { return status >= 200 && status < 300; }

std::string_view TargetOf(const HeaderList& list) {
  return list.path().empty() ? list.authority() : list.path();
}

// RFC 6455 9.1: the field may come several times.
websocket::Extensions ExtensionsOf(const HeaderList& list) {
  constexpr std::string_view kField = "sec-websocket-extensions: ";
  websocket::Extensions extensions;
  std::string_view lines = list.text();
  while (!lines.empty()) {
    std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(line.size() + 2, lines.size()));
    if (!line.starts_with(kField)) continue;
    line.remove_prefix(kField.size());
    websocket::AddExtensions(line, extensions);
  }
  return extensions;
}

}  // namespace

MessageAssembler::MessageAssembler(Sender sender, ParserContext& context, MessageHandler& handler)
    : sender_(sender),
      context_(context),
      handler_(handler),
      streams_(context.limits, context.budget),
      single_(context.limits, context.budget) {
  auto& places = context_.http2.directions;
  const auto place = std::find(places.begin(), places.end(), nullptr);
  if (place != places.end()) *place = this;
}

MessageAssembler::~MessageAssembler() {
  Reset();
  std::replace(context_.http2.directions.begin(), context_.http2.directions.end(), this,
               static_cast<MessageAssembler*>(nullptr));
}

MessageAssembler* MessageAssembler::Other() const {
  const auto& places = context_.http2.directions;
  return places[0] == this ? places[1] : places[0];
}

ParserType MessageAssembler::type() const {
  if (sender_ == Sender::kUnknown) return ParserType::kUnknown;
  return sender_ == Sender::kClient ? ParserType::kHttp2Request : ParserType::kHttp2Response;
}

std::uint64_t MessageAssembler::held_bytes() const {
  return streams_.held_bytes() + single_.held_bytes() + notes_bytes_;
}

void MessageAssembler::LearnSender(const HeaderList& list) {
  if (sender_ != Sender::kUnknown) return;
  if (list.kind() == HeaderList::Kind::kRequest) sender_ = Sender::kClient;
  if (list.kind() == HeaderList::Kind::kResponse) sender_ = Sender::kServer;
  const MessageAssembler* other = Other();
  if (sender_ != Sender::kUnknown || other == nullptr) return;
  if (other->sender_ == Sender::kClient) sender_ = Sender::kServer;
  if (other->sender_ == Sender::kServer) sender_ = Sender::kClient;
}

// A table that is full gives the stream up that was not used for longest.
Stream* MessageAssembler::Open(std::uint32_t stream_id) {
  Stream* stream = streams_.Add(stream_id);
  if (stream != nullptr) return stream;
  Stream* oldest = streams_.Oldest();
  if (oldest == nullptr) return nullptr;
  EmitIncomplete(*oldest);
  return streams_.Add(stream_id);
}

void MessageAssembler::OnHeaders(std::uint32_t stream_id, const HeaderList& list, bool end_stream) {
  LearnSender(list);
  if (IsInterim(list) && !end_stream) {
    Begin(single_, stream_id, list);
    EmitSingle(single_);
    return;
  }
  Stream* stream = streams_.Find(stream_id);
  if (stream != nullptr && list.kind() != HeaderList::Kind::kRequest &&
      list.kind() != HeaderList::Kind::kResponse) {
    AddTrailers(*stream, list);
    if (end_stream) EndStream(*stream);
    return;
  }
  // A stream has one message in each direction: of this one the end was lost.
  if (stream != nullptr) EmitIncomplete(*stream);
  const bool plain_end = end_stream && !grpc::IsGrpc(list.content_type());
  stream = plain_end ? nullptr : Open(stream_id);
  if (stream == nullptr) {
    Begin(single_, stream_id, list);
    if (!end_stream) single_.message().complete = false;
    EmitSingle(single_);
    ForgetRequest(stream_id);
    return;
  }
  Begin(stream->message, stream_id, list);
  BeginBody(*stream, list);
  if (end_stream) EndStream(*stream);
}

void MessageAssembler::OnPush(std::uint32_t stream_id, const HeaderList& list) {
  if (sender_ == Sender::kUnknown) sender_ = Sender::kServer;
  Begin(single_, stream_id, list);
  single_.message().parser = ParserType::kHttp2Request;
  EmitSingle(single_);
}

void MessageAssembler::Begin(MessageBuilder& builder, std::uint32_t stream_id,
                             const HeaderList& list) {
  Message& message = builder.message();
  message.parser = type();
  message.stream_id = stream_id;
  message.first_ktime_ns = frame_ktime_ns_;
  message.resynchronised = std::exchange(resynchronised_, false);
  message.status = list.status();
  if (!list.never_indexed().empty()) message.never_indexed = list.never_indexed();
  if (list.broken()) message.complete = false;
  if (list.kind() == HeaderList::Kind::kTrailers) {
    // Its head came before we did.
    builder.AddGap(0);
    if (!builder.AppendTrailer(list.text())) message.complete = false;
    return;
  }
  if (!list.broken() && list.kind() != HeaderList::Kind::kUnknown) message.exchange = stream_id;
  if (!builder.SetHead(list.head(), list.method(), TargetOf(list))) message.complete = false;
}

void MessageAssembler::BeginBody(Stream& stream, const HeaderList& list) {
  stream.has_head = true;
  stream.expected_bytes = list.content_length();
  const bool connect = list.method() == "CONNECT";
  const Note* note = nullptr;
  if (sender_ == Sender::kServer && Other() != nullptr) note = Other()->FindNote(stream.id);
  stream.tunnel = connect || (note != nullptr && note->connect && IsTunnelAnswer(list.status()));
  if (stream.tunnel) {
    TakeNote(list, stream.id, {});
    EmitPart(stream);
    if (note == nullptr || !note->websocket) return;
    const websocket::Extensions extensions = ExtensionsOf(list);
    OpenSocket(stream.id, extensions);
    Other()->OpenSocket(stream.id, extensions);
    return;
  }
  if (grpc::IsGrpc(list.content_type())) {
    BeginGrpc(stream, list);
    return;
  }
  content::CodingList codings;
  codings.Add(list.content_encoding());
  stream.message.Decode(codings);
  const content::PartRule rule = content::PartRuleOf(list.content_type());
  if (list.kind() == HeaderList::Kind::kResponse && rule != content::PartRule::kWhole) {
    stream.message.message().last_ktime_ns = now_ns_;
    stream.message.EmitInParts(rule, handler_);
    streaming_ = true;
  }
}

void MessageAssembler::BeginGrpc(Stream& stream, const HeaderList& list) {
  stream.grpc.emplace();
  stream.grpc_codings.Add(list.grpc_encoding());
  Message& message = stream.message.message();
  message.grpc = true;
  if (list.kind() == HeaderList::Kind::kRequest) {
    message.rpc = list.path().substr(0, kMaxRpcBytes);
    TakeNote(list, stream.id, message.rpc);
  } else if (Other() != nullptr) {
    const Note* note = Other()->FindNote(stream.id);
    if (note != nullptr) message.rpc = note->rpc;
  }
}

void MessageAssembler::TakeNote(const HeaderList& list, std::uint32_t stream_id,
                                const std::string& rpc) {
  if (list.kind() != HeaderList::Kind::kRequest) return;
  Forget(stream_id);
  if (notes_.size() == kMaxNotes) Forget(notes_.front().stream_id);
  const std::uint64_t bytes = sizeof(Note) + rpc.size();
  if (!context_.budget.Take(bytes)) return;
  notes_bytes_ += bytes;
  const bool connect = list.method() == "CONNECT";
  notes_.push_back({stream_id, connect, connect && list.protocol() == "websocket", rpc});
}

const MessageAssembler::Note* MessageAssembler::FindNote(std::uint32_t stream_id) const {
  for (const Note& note : notes_) {
    if (note.stream_id == stream_id) return &note;
  }
  return nullptr;
}

void MessageAssembler::Forget(std::uint32_t stream_id) {
  const auto same = [stream_id](const Note& note) { return note.stream_id == stream_id; };
  const auto found = std::find_if(notes_.begin(), notes_.end(), same);
  if (found == notes_.end()) return;
  const std::uint64_t bytes = sizeof(Note) + found->rpc.size();
  context_.budget.Give(bytes);
  notes_bytes_ -= bytes;
  notes_.erase(found);
}

void MessageAssembler::AddTrailers(Stream& stream, const HeaderList& list) {
  if (stream.grpc) LeaveGrpc(stream);
  Message& message = stream.message.message();
  if (!stream.message.AppendTrailer(list.text()) || list.broken()) message.complete = false;
  if (list.never_indexed().empty()) return;
  if (!message.never_indexed.empty()) message.never_indexed += ", ";
  message.never_indexed += list.never_indexed();
}

// Data whose head was not seen; none for data that nobody takes.
Stream* MessageAssembler::DataStream(std::uint32_t stream_id) {
  Stream* stream = streams_.Find(stream_id);
  if (stream != nullptr || WasCutShort(stream_id)) return stream;
  stream = Open(stream_id);
  if (stream == nullptr) return nullptr;
  Message& message = stream->message.message();
  message.parser = type();
  message.stream_id = stream_id;
  message.first_ktime_ns = frame_ktime_ns_;
  stream->message.AddGap(0);
  return stream;
}

void MessageAssembler::OnData(std::uint32_t stream_id, std::string_view bytes) {
  Stream* stream = DataStream(stream_id);
  if (stream == nullptr) return;
  stream->message.message().last_ktime_ns = now_ns_;
  if (stream->tunnel) {
    AppendTunnel(*stream, bytes);
  } else if (stream->grpc) {
    AppendGrpc(*stream, bytes);
  } else {
    stream->message.Append(bytes, stream->expected_bytes);
  }
}

// Both directions of the stream carry a WebSocket from here on.
void MessageAssembler::OpenSocket(std::uint32_t stream_id,
                                  const websocket::Extensions& extensions) {
  Stream* stream = streams_.Find(stream_id);
  if (stream == nullptr || !stream->tunnel || !stream->message.empty()) return;
  stream->socket =
      WebSocketTunnel::Open({stream_id, context_.limits, context_.budget, handler_}, extensions);
}

void MessageAssembler::FeedSocket(Stream& stream, std::string_view bytes) {
  stream.message.Count(bytes.size());
  if (!stream.socket->Feed(bytes, now_ns_)) LeaveSocket(stream);
}

// From here on the tunnel's data is shown as it is.
void MessageAssembler::LeaveSocket(Stream& stream) {
  const std::string rest = stream.socket->TakeRest();
  stream.socket.reset();
  stream.message.message().content_bytes -= rest.size();  // they have been counted
  AppendTunnel(stream, rest);
}

void MessageAssembler::AppendTunnel(Stream& stream, std::string_view bytes) {
  if (stream.socket) {
    FeedSocket(stream, bytes);
    return;
  }
  while (!bytes.empty()) {
    Message& message = stream.message.message();
    const std::size_t held = message.body.size() + message.cut_bytes;
    if (held == 0) message.first_ktime_ns = now_ns_;
    const std::string_view piece = bytes.substr(0, kTunnelBytes - std::min(held, kTunnelBytes));
    stream.message.Append(piece, 0);
    bytes.remove_prefix(piece.size());
    if (held + piece.size() >= kTunnelBytes) EmitPart(stream);
  }
}

void MessageAssembler::AppendGrpc(Stream& stream, std::string_view bytes) {
  while (stream.grpc) {
    switch (stream.grpc->Next(bytes)) {
      case grpc::MessageReader::Event::kNeedMore:
        return;
      case grpc::MessageReader::Event::kBegin:
        if (stream.message_ready) EmitPart(stream);
        if (stream.parts != 0) stream.message.message().first_ktime_ns = now_ns_;
        if (stream.grpc->compressed()) stream.message.Decode(stream.grpc_codings);
        break;
      case grpc::MessageReader::Event::kContent:
        stream.message.Append(stream.grpc->piece(), stream.grpc->length());
        break;
      case grpc::MessageReader::Event::kEnd:
        stream.message_ready = true;
        break;
      case grpc::MessageReader::Event::kBroken:
        LeaveGrpc(stream);
        break;
    }
  }
  if (!bytes.empty()) stream.message.Append(bytes, 0);
}

// What follows is no gRPC message, or where one begins is not known.
void MessageAssembler::LeaveGrpc(Stream& stream) {
  if (stream.message_ready) EmitPart(stream);
  const bool whole = stream.grpc->between_messages();
  const std::string prefix(stream.grpc->prefix());
  stream.grpc.reset();
  if (whole) return;
  Message& message = stream.message.message();
  message.complete = false;
  message.grpc = false;
  if (!prefix.empty()) stream.message.Append(prefix, 0);
}

void MessageAssembler::OnDataLost(std::uint32_t stream_id, std::uint64_t bytes) {
  Stream* stream = DataStream(stream_id);
  if (stream == nullptr) return;
  if (stream->grpc && !stream->grpc->Jump(bytes)) {
    LeaveGrpc(*stream);
    stream->message.message().grpc = false;
  }
  if (stream->socket) {
    if (stream->socket->Gap(bytes, now_ns_)) {
      stream->message.Count(bytes);
      stream->parts_complete = false;
      return;
    }
    LeaveSocket(*stream);
  }
  stream->message.AddGap(bytes);
}

void MessageAssembler::OnDataEnd(std::uint32_t stream_id, bool end_stream) {
  Stream* stream = streams_.Find(stream_id);
  if (stream == nullptr) return;
  if (end_stream) {
    EndStream(*stream);
  } else if (stream->message_ready || (stream->tunnel && !stream->message.message().body.empty())) {
    EmitPart(*stream);
  }
}

void MessageAssembler::EndStream(Stream& stream) {
  // A message of gRPC that is not whole.
  if (stream.grpc && !stream.grpc->between_messages()) LeaveGrpc(stream);
  EmitLast(stream);
}

void MessageAssembler::EmitPart(Stream& stream) {
  MessageBuilder& builder = stream.message;
  Message& message = builder.message();
  Message next;
  next.parser = message.parser;
  next.stream_id = message.stream_id;
  next.status = message.status;
  next.exchange = message.exchange;
  next.content_bytes = message.content_bytes;
  next.grpc = message.grpc;
  next.rpc = message.rpc;
  message.part = ++stream.parts;
  message.last_ktime_ns = now_ns_;
  stream.parts_complete = stream.parts_complete && message.complete;
  stream.message_ready = false;
  next.first_ktime_ns = now_ns_;
  builder.Emit(handler_);
  builder.message() = std::move(next);
}

void MessageAssembler::EmitLast(Stream& stream) {
  if (stream.socket) stream.socket->Finish();
  Message& message = stream.message.message();
  if (stream.parts != 0) {
    message.part = stream.parts + 1;
    message.last_part = true;
    message.complete = message.complete && stream.parts_complete;
  }
  if (stream.parts != 0 && !stream.message_ready) message.grpc = false;
  const std::uint32_t id = stream.id;
  EmitSingle(stream.message);
  streams_.Remove(id);
  ForgetRequest(id);
}

// The response has been emitted: nothing more has to be known for it.
void MessageAssembler::ForgetRequest(std::uint32_t stream_id) {
  if (sender_ == Sender::kServer && Other() != nullptr) Other()->Forget(stream_id);
}

void MessageAssembler::EmitIncomplete(Stream& stream) {
  if (stream.grpc && !stream.grpc->between_messages()) LeaveGrpc(stream);
  stream.message.message().complete = false;
  EmitLast(stream);
}

void MessageAssembler::EmitSingle(MessageBuilder& builder) {
  builder.message().last_ktime_ns = now_ns_;
  builder.Emit(handler_);
}

void MessageAssembler::CutShort(std::uint32_t stream_id) {
  Stream* stream = streams_.Find(stream_id);
  if (stream != nullptr) EmitIncomplete(*stream);
  Forget(stream_id);
  if (WasCutShort(stream_id)) return;
  cut_short_[cut_short_next_] = stream_id;
  cut_short_next_ = (cut_short_next_ + 1) % cut_short_.size();
}

bool MessageAssembler::WasCutShort(std::uint32_t stream_id) const {
  return std::find(cut_short_.begin(), cut_short_.end(), stream_id) != cut_short_.end();
}

void MessageAssembler::OnReset(std::uint32_t stream_id) {
  CutShort(stream_id);
  MessageAssembler* other = Other();
  if (other == nullptr) return;
  other->now_ns_ = now_ns_;
  other->CutShort(stream_id);
}

void MessageAssembler::OnGoAway(std::uint32_t last_stream_id) {
  MessageAssembler* other = Other();
  if (sender_ == Sender::kUnknown || other == nullptr) return;
  // RFC 9113 5.1.1: clients begin odd streams, servers even ones.
  const bool odd = sender_ == Sender::kServer;
  other->now_ns_ = now_ns_;
  other->CutShortAbove(last_stream_id, odd);
  CutShortAbove(last_stream_id, odd);
}

void MessageAssembler::CutShortAbove(std::uint32_t stream_id, bool odd) {
  for (Stream* stream = streams_.After(stream_id); stream != nullptr;
       stream = streams_.After(stream_id)) {
    stream_id = stream->id;
    if ((stream_id % 2 == 1) == odd) CutShort(stream_id);
  }
}

void MessageAssembler::OnLoss() {
  resynchronised_ = true;
  for (Stream* stream = streams_.After(0); stream != nullptr; stream = streams_.After(stream->id)) {
    if (stream->grpc) LeaveGrpc(*stream);
    if (stream->socket) {
      stream->socket->Finish();
      stream->socket.reset();
    }
    stream->message.message().grpc = false;
    stream->message.AddGap(0);
  }
}

void MessageAssembler::Flush() {
  if (!streaming_) return;
  for (Stream* stream = streams_.After(0); stream != nullptr; stream = streams_.After(stream->id)) {
    stream->message.Flush();
  }
}

void MessageAssembler::Finish() {
  for (Stream* stream = streams_.After(0); stream != nullptr; stream = streams_.After(0)) {
    EmitIncomplete(*stream);
  }
  while (!notes_.empty()) Forget(notes_.back().stream_id);
}

void MessageAssembler::Reset() {
  streams_.Clear();
  single_.Drop();
  while (!notes_.empty()) Forget(notes_.back().stream_id);
  resynchronised_ = false;
}

}  // namespace tlscope::http2
