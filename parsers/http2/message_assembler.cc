// SPDX-License-Identifier: Apache-2.0
#include "parsers/http2/message_assembler.h"

#include <algorithm>
#include <utility>

#include "parsers/content/coding_list.h"
#include "parsers/content/event_cutter.h"
#include "parsers/grpc/message_reader.h"

namespace tlscope::http2 {
namespace {

constexpr std::uint16_t kFirstFinalStatus = 200;
constexpr std::uint16_t kFirstRedirectStatus = 300;

bool IsInterim(const HeaderList& list) {
  return list.kind() == HeaderList::Kind::kResponse && list.status() >= 100 &&
         list.status() < kFirstFinalStatus;
}

// RFC 9113 8.5: a 2xx answer to CONNECT makes the tunnel. `request`: what is known of it, or null.
bool IsTunnel(const HeaderList& list, const RequestNotes::Note* request) {
  if (list.method() == "CONNECT") return true;
  return request != nullptr && request->asked != RequestNotes::Asked::kRpc &&
         list.status() >= kFirstFinalStatus && list.status() < kFirstRedirectStatus;
}

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
      streams_(context.limits, context.budget, handler),
      single_(context.limits, context.budget),
      notes_(context.budget) {
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
  return streams_.held_bytes() + single_.held_bytes() + notes_.held_bytes();
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
  EndStream(*oldest, End::kCutShort);
  return streams_.Add(stream_id);
}

void MessageAssembler::OnHeaders(std::uint32_t stream_id, const HeaderList& list, bool end_stream) {
  LearnSender(list);
  if (IsInterim(list) && !end_stream) {
    Begin(single_, stream_id, list);
    Emit(single_);
    return;
  }
  Stream* stream = streams_.Find(stream_id);
  if (stream != nullptr && list.kind() != HeaderList::Kind::kRequest &&
      list.kind() != HeaderList::Kind::kResponse) {
    AddTrailers(*stream, list);
    if (end_stream) EndStream(*stream, End::kWhole);
    return;
  }
  // A stream has one message in each direction: of this one the end was lost.
  if (stream != nullptr) EndStream(*stream, End::kCutShort);
  const bool plain_end = end_stream && !grpc::IsGrpc(list.content_type());
  stream = plain_end ? nullptr : Open(stream_id);
  if (stream == nullptr) {
    Begin(single_, stream_id, list);
    if (!end_stream) single_.message().complete = false;
    Emit(single_);
    ForgetRequest(stream_id);
    return;
  }
  Begin(stream->message, stream_id, list);
  BeginBody(*stream, list);
  if (end_stream) EndStream(*stream, End::kWhole);
}

void MessageAssembler::OnPush(std::uint32_t stream_id, const HeaderList& list) {
  if (sender_ == Sender::kUnknown) sender_ = Sender::kServer;
  Begin(single_, stream_id, list);
  single_.message().parser = ParserType::kHttp2Request;
  Emit(single_);
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

// Here a kind of stream is chosen, by its head and by what is known of the request.
void MessageAssembler::BeginBody(Stream& stream, const HeaderList& list) {
  const RequestNotes::Note* request = RequestOf(stream.id);
  if (IsTunnel(list, request)) {
    BeginTunnel(stream, list, request);
  } else if (grpc::IsGrpc(list.content_type())) {
    BeginRpc(stream, list, request);
  } else {
    BeginPlain(stream, list);
  }
}

void MessageAssembler::BeginTunnel(Stream& stream, const HeaderList& list,
                                   const RequestNotes::Note* request) {
  using Asked = RequestNotes::Asked;
  const bool websocket =
      request != nullptr ? request->asked == Asked::kWebSocket : list.protocol() == "websocket";
  if (list.kind() == HeaderList::Kind::kRequest) {
    notes_.Add({stream.id, websocket ? Asked::kWebSocket : Asked::kTunnel, {}});
  }
  if (!websocket) {
    stream.Begin<TunnelBody>(now_ns_);
    return;
  }
  stream.Begin<SocketBody>(SocketBody::Bounds{context_.limits, context_.budget}, now_ns_);
  if (request == nullptr) return;
  const websocket::Extensions extensions = ExtensionsOf(list);
  Accept(stream.id, extensions);
  Other()->Accept(stream.id, extensions);
}

void MessageAssembler::Accept(std::uint32_t stream_id, const websocket::Extensions& extensions) {
  Stream* stream = streams_.Find(stream_id);
  if (stream != nullptr) stream->body().OnAccept(extensions);
}

void MessageAssembler::BeginRpc(Stream& stream, const HeaderList& list,
                                const RequestNotes::Note* request) {
  content::CodingList codings;
  codings.Add(list.grpc_encoding());
  stream.Begin<RpcBody>(codings);
  std::string& rpc = stream.message.message().rpc;
  if (list.kind() == HeaderList::Kind::kRequest) {
    rpc = list.path().substr(0, kMaxRpcBytes);
    notes_.Add({stream.id, RequestNotes::Asked::kRpc, rpc});
  } else if (request != nullptr) {
    rpc = request->rpc;
  }
}

void MessageAssembler::BeginPlain(Stream& stream, const HeaderList& list) {
  content::CodingList codings;
  codings.Add(list.content_encoding());
  stream.message.Decode(codings);
  stream.Begin<PlainBody>(list.content_length());
  const content::PartRule rule = content::PartRuleOf(list.content_type());
  if (list.kind() != HeaderList::Kind::kResponse || rule == content::PartRule::kWhole) return;
  stream.message.message().last_ktime_ns = now_ns_;
  stream.message.EmitInParts(rule, handler_);
  streaming_ = true;
}

const RequestNotes::Note* MessageAssembler::RequestOf(std::uint32_t stream_id) const {
  const MessageAssembler* other = Other();
  return sender_ == Sender::kServer && other != nullptr ? other->notes_.Find(stream_id) : nullptr;
}

void MessageAssembler::AddTrailers(Stream& stream, const HeaderList& list) {
  stream.body().OnTrailers(now_ns_);
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
  stream->body().OnData(bytes, now_ns_);
}

void MessageAssembler::OnDataLost(std::uint32_t stream_id, std::uint64_t bytes) {
  Stream* stream = DataStream(stream_id);
  if (stream != nullptr) stream->body().OnDataLost(bytes, now_ns_);
}

void MessageAssembler::OnDataEnd(std::uint32_t stream_id, bool end_stream) {
  Stream* stream = streams_.Find(stream_id);
  if (stream == nullptr) return;
  if (end_stream) {
    EndStream(*stream, End::kWhole);
  } else {
    stream->body().OnFrameEnd(now_ns_);
  }
}

void MessageAssembler::EndStream(Stream& stream, End end) {
  stream.body().OnEnd(now_ns_);
  if (end == End::kCutShort) stream.message.message().complete = false;
  Emit(stream.message);
  const std::uint32_t id = stream.id;
  streams_.Remove(id);
  ForgetRequest(id);
}

// The response has been emitted: nothing more has to be known for it.
void MessageAssembler::ForgetRequest(std::uint32_t stream_id) {
  if (sender_ == Sender::kServer && Other() != nullptr) Other()->notes_.Forget(stream_id);
}

void MessageAssembler::Emit(MessageBuilder& builder) {
  builder.message().last_ktime_ns = now_ns_;
  builder.Emit(handler_);
}

void MessageAssembler::CutShort(std::uint32_t stream_id) {
  Stream* stream = streams_.Find(stream_id);
  if (stream != nullptr) EndStream(*stream, End::kCutShort);
  notes_.Forget(stream_id);
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
    stream->body().OnLoss(now_ns_);
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
    EndStream(*stream, End::kCutShort);
  }
  notes_.Clear();
}

void MessageAssembler::Reset() {
  streams_.Clear();
  single_.Drop();
  notes_.Clear();
  resynchronised_ = false;
}

}  // namespace tlscope::http2
