// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/connection_worker.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace tlscope {
namespace {

std::size_t Index(DataType direction) { return static_cast<std::size_t>(direction); }

DataType Other(DataType direction) {
  return direction == DataType::kRead ? DataType::kWrite : DataType::kRead;
}

Topic TopicOf(ParserType type) {
  switch (type) {
    case ParserType::kHttp1Request:
    case ParserType::kHttp2Request:
      return Topic::kHttpRequest;
    case ParserType::kHttp1Response:
    case ParserType::kHttp2Response:
      return Topic::kHttpResponse;
    case ParserType::kWebSocket:
      return Topic::kWebSocketMessage;
    case ParserType::kUnknown:
      break;
  }
  return Topic::kTlsData;
}

/// A parser may build its next message in this one's buffers. Small ones are worth keeping for
/// that; large ones are not what an idle connection should hold.
void ReleaseLargeBuffers(Message& message) {
  constexpr std::size_t kSmall = 512;
  for (std::string* buffer :
       {&message.head, &message.body, &message.trailers, &message.method, &message.target}) {
    if (buffer->capacity() > kSmall) std::string().swap(*buffer);
  }
}

}  // namespace

ConnectionWorker::ConnectionWorker(const SSLDataEvent& first, const WorkerEnv& env)
    : env_(env),
      info_(ConnectionOf(first)),
      uuid_(info_, env.socket_key),
      speaker_(first.direction),
      waits_(first.socket_pending && !first.socket.known()),
      pairing_(env.budget),
      context_{env.limits, env.budget, {}},
      ports_{Port(*this, DataType::kRead), Port(*this, DataType::kWrite)},
      streams_{DirectionStream(env.protocols, context_, ports_[0]),
               DirectionStream(env.protocols, context_, ports_[1])} {
  info_.correlation = RootOf(first, env.socket_key, env.bus.stage());
}

ConnectionWorker::~ConnectionWorker() { env_.budget.Give(held_bytes_); }

void ConnectionWorker::OnData(const SSLDataEvent& event) {
  if (waits_ && !event.socket.known() && Hold(event)) return;
  CompleteInfo(event);
  ReleaseHeld();
  Process(event);
}

void ConnectionWorker::OnSocket(const SSLSocketEvent& event) {
  info_.socket = event.socket;
  info_.tuple = event.tuple;
  info_.provenance = event.provenance;
  if (info_.fd < 0) info_.fd = event.fd;
  ReleaseHeld();
}

void ConnectionWorker::OnHandshake(const HandshakeFacts& facts) {
  info_.handshake.Add(facts);
  context_.alpn = info_.handshake.protocol;
}

bool ConnectionWorker::Hold(const SSLDataEvent& event) {
  const std::uint64_t bytes = event.data.size() + sizeof(Held);
  if (held_.size() == kMaxHeldEvents || held_bytes_ + bytes > kMaxHeldBytes) return false;
  if (!env_.budget.Take(bytes)) return false;
  held_bytes_ += bytes;
  held_.push_back({event, std::string(event.data)});
  return true;
}

/// The wait is over, whether it was of use or not.
void ConnectionWorker::ReleaseHeld() {
  if (!std::exchange(waits_, false)) return;
  if (info_.socket.known()) {
    uuid_ = ConnectionUuid(info_, env_.socket_key);
    info_.correlation = RootOf(info_, env_.socket_key, info_.correlation.stage);
  }
  for (Held& held : std::exchange(held_, {})) {
    held.event.data = held.data;
    Process(held.event);
  }
  env_.budget.Give(std::exchange(held_bytes_, 0));
}

void ConnectionWorker::Process(const SSLDataEvent& event) {
  if (!env_.Wants(info_.tuple)) {
    ++env_.stats.filtered_events;
    env_.stats.filtered_bytes += event.data.size();
    return;
  }
  context_.limits.body_bytes = env_.limits.body_bytes;  // may be another since the last piece
  DirectionStream& stream = streams_[Index(event.direction)];
  if (event.direction != speaker_) {
    // Whoever is answered has said what it had to say.
    streams_[Index(speaker_)].Flush();
    speaker_ = event.direction;
  }
  const std::uint64_t ktime_ns = event.time_ns();
  if (event.missed) Miss(*event.missed, ktime_ns);
  const DirectionStream::Fit fit = stream.Advance(event.stream_offset, event.data.size());
  if (fit.missing_bytes != 0) Lose(event.direction, fit.missing_bytes, ktime_ns);
  if (fit.overlap_bytes != 0) {
    ++env_.stats.overlaps;
    env_.stats.overlap_bytes += fit.overlap_bytes;
  }
  const std::string_view fresh = event.data.substr(fit.overlap_bytes);
  if (!fresh.empty()) {
    PublishPlaintext(event, fresh);
    stream.Feed(fresh, ktime_ns, event.chunk_offset == 0 && fit.overlap_bytes == 0);
  }
  if (event.ends_call) {
    // What was left out is known now. To wait for the next call to show it would hold a message
    // back until after its answer.
    const std::uint64_t call_end = event.stream_offset - event.chunk_offset + event.call_bytes;
    const DirectionStream::Fit rest = stream.Advance(call_end, 0);
    if (rest.missing_bytes != 0) Lose(event.direction, rest.missing_bytes, ktime_ns);
  }
}

void ConnectionWorker::OnSslEnd(const std::array<std::uint64_t, 2>& bytes, std::uint64_t ktime_ns) {
  ReleaseHeld();
  for (const DataType direction : {DataType::kRead, DataType::kWrite}) {
    DirectionStream& stream = streams_[Index(direction)];
    // A direction never heard may have been followed by an earlier worker: nothing is known lost.
    if (!stream.started()) continue;
    const DirectionStream::Fit fit = stream.Advance(bytes[Index(direction)], 0);
    if (fit.missing_bytes != 0) Lose(direction, fit.missing_bytes, ktime_ns);
  }
}

void ConnectionWorker::OnPause() {
  ReleaseHeld();
  for (DirectionStream& stream : streams_) stream.Pause();
}

void ConnectionWorker::OnStall() {
  ReleaseHeld();
  for (DirectionStream& stream : streams_) stream.Flush();
}

void ConnectionWorker::Finish(StreamEnd end) {
  ReleaseHeld();
  // The speaker's rest is the newer one.
  streams_[Index(Other(speaker_))].Finish(end);
  streams_[Index(speaker_)].Finish(end);
  while (const auto unanswered = pairing_.TakeWaiting()) Publish(*unanswered);
}

/// Later events may know what the first one did not.
void ConnectionWorker::CompleteInfo(const SSLDataEvent& event) {
  if (event.socket.known() && !info_.socket.known()) {
    info_.socket = event.socket;
    info_.provenance = event.provenance;
  }
  if (info_.tuple.family == AddressFamily::kNone) info_.tuple = event.tuple;
  if (info_.fd < 0) info_.fd = event.fd;
}

void ConnectionWorker::Miss(const Missed& missed, std::uint64_t ktime_ns) {
  TellLoss(missed.direction, missed.bytes, ktime_ns);
  DirectionStream& stream = streams_[Index(missed.direction)];
  if (stream.started())
    stream.Gap(missed.bytes != 0 ? missed.bytes : kUnknownGap, ktime_ns);
  else
    stream.JoinLate();
}

void ConnectionWorker::Lose(DataType direction, std::uint64_t bytes, std::uint64_t ktime_ns) {
  TellLoss(direction, bytes, ktime_ns);
  streams_[Index(direction)].Gap(bytes, ktime_ns);
}

void ConnectionWorker::TellLoss(DataType direction, std::uint64_t bytes, std::uint64_t ktime_ns) {
  ++env_.stats.gaps;
  env_.stats.gap_bytes += bytes;
  env_.bus.Publish(Topic::kTlsLost, {ktime_ns, info_.correlation},
                   LossEvent{info_, direction, uuid_.Of(direction), bytes, ktime_ns});
}

void ConnectionWorker::OnMessage(DataType direction, Message&& message) {
  ++env_.stats.messages[static_cast<std::size_t>(message.parser)];
  env_.stats.cut_bytes += message.cut_bytes;
  env_.bus.Publish(TopicOf(message.parser), {message.last_ktime_ns, CorrelationOf(message)},
                   MessageEvent{info_, direction, uuid_.Of(direction), message});
  const std::uint64_t lost = pairing_.lost();
  if (const auto exchange = pairing_.Pair(std::move(message))) Publish(*exchange);
  env_.stats.exchanges_lost += pairing_.lost() - lost;
  ReleaseLargeBuffers(message);
}

void ConnectionWorker::PublishPlaintext(const SSLDataEvent& event, std::string_view fresh) {
  if (!env_.bus.Wants(Topic::kTlsPlaintext)) return;
  const std::uint64_t end = event.stream_offset + event.data.size();
  env_.bus.Publish(Topic::kTlsPlaintext, {event.time_ns(), info_.correlation},
                   PlaintextEvent{info_, event.direction, uuid_.Of(event.direction),
                                  end - fresh.size(), fresh, event.time_ns()});
}

void ConnectionWorker::OnFrame(DataType direction, const FrameRecord& frame) {
  env_.bus.Publish(Topic::kHttpFrame, {frame.ktime_ns, info_.correlation},
                   FrameEvent{info_, direction, uuid_.Of(direction), frame});
}

void ConnectionWorker::OnProtocol(DataType direction, const ProtocolSpec& protocol,
                                  std::uint64_t ktime_ns) {
  if (!env_.bus.Wants(Topic::kTlsProtocol)) return;
  env_.bus.Publish(Topic::kTlsProtocol, {ktime_ns, info_.correlation},
                   ProtocolEvent{info_, direction, uuid_.Of(direction), protocol.name, ktime_ns});
}

/// Of an exchange by its number; of one that has none, and so no other event: of its own.
Correlation ConnectionWorker::CorrelationOf(std::uint64_t exchange) {
  constexpr std::uint64_t kUnpaired = std::uint64_t{1} << 63;
  return info_.correlation.Child(exchange != 0 ? exchange : kUnpaired | ++children_);
}

Correlation ConnectionWorker::CorrelationOf(const Message& message) {
  constexpr std::uint16_t kSwitchingProtocols = 101;
  if (message.status == kSwitchingProtocols) upgrade_ = message.exchange;
  const bool websocket = message.parser == ParserType::kWebSocket;
  if (!websocket && !message.grpc) return CorrelationOf(message.exchange);
  const std::uint64_t exchange = message.exchange != 0 ? message.exchange : upgrade_;
  const Correlation parent = exchange != 0 ? info_.correlation.Child(exchange) : info_.correlation;
  return parent.Child(++children_);
}

void ConnectionWorker::Publish(const Exchange& exchange) {
  if (exchange.has_request && exchange.has_response) ++env_.stats.exchanges;
  if (!env_.bus.Wants(Topic::kHttpExchange)) return;
  const std::uint64_t last_ns = std::max(exchange.last_byte_ktime_ns, exchange.request_ktime_ns);
  env_.bus.Publish(Topic::kHttpExchange, {last_ns, CorrelationOf(exchange.number)},
                   ExchangeEvent{.connection = info_,
                                 .uuid = uuid_.Of(DataType::kWrite),
                                 .method = exchange.method,
                                 .target = exchange.target,
                                 .host = exchange.host,
                                 .status = exchange.status,
                                 .request_bytes = exchange.request_bytes,
                                 .response_bytes = exchange.response_bytes,
                                 .request_ktime_ns = exchange.request_ktime_ns,
                                 .first_byte_ktime_ns = exchange.first_byte_ktime_ns,
                                 .last_byte_ktime_ns = exchange.last_byte_ktime_ns,
                                 .exchange = exchange.number});
}

}  // namespace tlscope
