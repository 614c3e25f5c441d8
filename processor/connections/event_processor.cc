// SPDX-License-Identifier: Apache-2.0
#include "processor/connections/event_processor.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "processor/connections/connection_uuid.h"
#include "processor/events/decoder.h"
#include "processor/text/printable.h"

namespace tlscope {

EventProcessor::EventProcessor(const ProcessorOptions& options, EventBus& bus)
    : options_(options),
      budget_(options.budget_bytes),
      env_{options_.limits, ProtocolTable::Registered(),
           budget_,         bus.MakePublisher(),
           stats_,          options_.socket_key ? *options_.socket_key : RandomHashKey(),
           options_.ports},
      workers_(RandomHashKey()),
      handshakes_(RandomHashKey()) {
  options_.max_workers = std::max<std::size_t>(options_.max_workers, 1);
}

void EventProcessor::OnRecord(std::span<const std::byte> record) noexcept {
  ++stats_.records;
  Result<Record> decoded = Decode(record);
  if (!decoded) {
    KeepError(std::move(decoded.error()));
  } else {
    Dispatch(*decoded);
  }
}

void EventProcessor::OnEvent(const Record& record) noexcept {
  ++stats_.records;
  Dispatch(record);
}

void EventProcessor::Dispatch(const Record& record) {
  if (const auto* data = std::get_if<SSLDataEvent>(&record)) {
    OnData(*data);
  } else if (const auto* connection = std::get_if<ConnDataEvent>(&record)) {
    OnConnection(*connection);
  } else if (const auto* end = std::get_if<SSLEndEvent>(&record)) {
    OnSslEnd(*end);
  } else if (const auto* socket = std::get_if<SSLSocketEvent>(&record)) {
    OnSslSocket(*socket);
  } else if (const auto* handshake = std::get_if<SSLHandshakeEvent>(&record)) {
    OnHandshake(*handshake);
  }
}

void EventProcessor::Tick(std::uint64_t ktime_ns) noexcept {
  while (WorkerTable::Slot* slot = workers_.Paused(ktime_ns, options_.tick_ns)) {
    slot->worker.OnPause();
  }
  env_.bus.Tick(ktime_ns);
  const std::uint64_t idle_ns = options_.tick_ns * options_.idle_ticks;
  while (WorkerTable::Slot* slot = workers_.Idle(ktime_ns, idle_ns)) End(*slot, StreamEnd::kIdle);
  while (WorkerTable::Slot* slot = workers_.Stalled(ktime_ns, idle_ns)) slot->worker.OnStall();
}

void EventProcessor::Close(std::uint64_t ktime_ns) noexcept {
  Tick(ktime_ns);
  while (WorkerTable::Slot* slot = workers_.LeastRecent()) End(*slot, StreamEnd::kIdle);
  env_.bus.TellOfLimit(ktime_ns);
}

void EventProcessor::OnData(const SSLDataEvent& event) {
  ++stats_.data_events;
  stats_.data_bytes += event.data.size();
  WorkerTable::Slot& slot = SlotFor(event);
  if (event.socket.known() && !slot.worker.info().socket.known())
    TellHandshake(slot, event.ssl, event.socket);
  slot.worker.OnData(event);
  workers_.Touch(slot, event.origin.ktime_ns);
}

void EventProcessor::OnConnection(const ConnDataEvent& event) {
  ++stats_.connection_events;
  const bool closed = event.state == ConnDataEvent::State::kClosed;
  if (closed) {
    while (WorkerTable::Slot* slot = workers_.OnSocket(event.socket)) {
      End(*slot, StreamEnd::kClosed);
    }
    handshakes_.Forget(event.socket);
  }
  const ConnectionInfo connection{.pid = event.origin.pid,
                                  .tid = event.origin.tid,
                                  .comm = FieldValue(event.origin.comm()),
                                  .tuple = event.tuple,
                                  .socket = event.socket,
                                  .handshake = {},
                                  .correlation = RootOf(event, env_.socket_key, env_.bus.stage())};
  env_.bus.Publish(closed ? Topic::kConnClosed : Topic::kConnOpened,
                   {event.origin.ktime_ns, connection.correlation},
                   ConnectionEvent{connection, {}, event});
}

void EventProcessor::OnSslEnd(const SSLEndEvent& event) {
  ++stats_.ssl_ends;
  handshakes_.Forget(event.ssl);
  WorkerTable::Slot* const slot = workers_.Find(event.ssl);
  if (slot == nullptr) return;
  slot->worker.OnSslEnd(event.bytes, event.origin.ktime_ns);
  End(*slot, StreamEnd::kClosed);
}

void EventProcessor::OnSslSocket(const SSLSocketEvent& event) {
  WorkerTable::Slot* const slot = workers_.Find(event.ssl);
  if (slot == nullptr || slot->worker.info().socket.known()) return;
  TellHandshake(*slot, event.ssl, event.socket);
  slot->worker.OnSocket(event);
  workers_.Touch(*slot, event.origin.ktime_ns);
}

WorkerTable::Slot& EventProcessor::SlotFor(const SSLDataEvent& event) {
  if (WorkerTable::Slot* slot = workers_.Find(event.ssl)) {
    const SocketId& socket = slot->worker.info().socket;
    if (!event.socket.known() || !socket.known() || event.socket == socket) return *slot;
    // The SSL object went on to another socket: another connection.
    End(*slot, StreamEnd::kClosed);
  }
  if (workers_.size() >= options_.max_workers) {
    ++stats_.workers_evicted;
    End(*workers_.LeastRecent(), StreamEnd::kIdle);
  }
  ++stats_.workers_created;
  ++stats_.workers_active;
  WorkerTable::Slot& slot = workers_.Create(event, env_);
  TellHandshake(slot, event.ssl, event.socket);
  return slot;
}

void EventProcessor::OnHandshake(const SSLHandshakeEvent& event) {
  ++stats_.handshake_events;
  const HandshakePart part = ReadHandshake(event);
  if (!handshakes_.Add(event, part.told)) ++stats_.handshakes_evicted;
  WorkerTable::Slot* const slot =
      event.ssl.address != 0 ? workers_.Find(event.ssl) : workers_.OnSocket(event.socket);
  if (slot != nullptr) slot->worker.OnHandshake(part.told);
  PublishHandshake(event, part);
}

void EventProcessor::PublishHandshake(const SSLHandshakeEvent& event, const HandshakePart& part) {
  if (!env_.bus.Wants(Topic::kTlsHandshake) || !env_.Wants(event.tuple)) return;
  ConnectionInfo connection = ConnectionOf(event);
  connection.handshake = handshakes_.Find(event.ssl, event.socket);
  connection.correlation = RootOf(event, env_.socket_key, env_.bus.stage());
  ConnectionUuid uuid(connection, env_.socket_key);
  env_.bus.Publish(Topic::kTlsHandshake, {event.origin.ktime_ns, connection.correlation},
                   HandshakeEvent{connection, event.direction, uuid.Of(event.direction), event.kind,
                                  part.told, part.offers, event.origin.ktime_ns});
}

void EventProcessor::TellHandshake(WorkerTable::Slot& slot, const SslId& ssl,
                                   const SocketId& socket) {
  slot.worker.OnHandshake(handshakes_.Find(ssl, socket));
}

void EventProcessor::End(WorkerTable::Slot& slot, StreamEnd end) {
  slot.worker.Finish(end);
  workers_.Erase(slot);
  ++stats_.workers_ended;
  --stats_.workers_active;
}

void EventProcessor::KeepError(Error error) {
  ++stats_.decode_errors;
  if (errors_.size() == kMaxErrors) errors_.pop_front();
  errors_.push_back(std::move(error));
}

}  // namespace tlscope
