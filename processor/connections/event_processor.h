// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "parsers/core/byte_budget.h"
#include "parsers/core/stream_parser.h"
#include "processor/base/keyed_hash.h"
#include "processor/base/result.h"
#include "processor/bus/event_bus.h"
#include "processor/connections/handshake_reader.h"
#include "processor/connections/handshake_table.h"
#include "processor/connections/worker_env.h"
#include "processor/connections/worker_table.h"
#include "processor/events/decoder.h"
#include "processor/events/kernel_records.h"
#include "processor/events/processor_stats.h"

namespace tlscope {

/// What one processor may keep and how long it waits.
struct ProcessorOptions {
  ParserLimits limits = {};
  /// Bytes that all parsers of this processor may hold together.
  std::uint64_t budget_bytes = 256U << 20;
  /// Connections followed at once; at least 1. One more ends the least recently active one.
  std::size_t max_workers = 131072;
  /// Length of a tick: a raw stream that pauses for one is emitted.
  std::uint64_t tick_ns = 100'000'000;
  /// Ticks without an event after which a connection of unknown socket is over, and bytes of a
  /// protocol still undecided are raw.
  std::uint32_t idle_ticks = 10;
  /// Ports of which a connection must have one at either end; empty: any. The kernel side asks the
  /// same, but not of connections whose ends it does not know yet.
  std::vector<std::uint16_t> ports = {};
  /// Hides the addresses of sockets in UUIDs; nullopt: of the operating system's randomness. Given
  /// where they are hidden already, so that the same events have the same UUIDs.
  std::optional<HashKey> socket_key = {};
};

/// Takes ring records in order, follows every connection in them, and publishes what they amount to
/// on the bus. Owned and called by one thread: there are no locks. Never blocks; memory is bounded
/// by the options whatever the records hold.
class EventProcessor {
 public:
  /// How many of the latest decode errors are kept.
  static constexpr std::size_t kMaxErrors = 16;

  /// `bus` is borrowed and outlives the processor.
  EventProcessor(const ProcessorOptions& options, EventBus& bus);
  EventProcessor(const EventProcessor&) = delete;
  EventProcessor& operator=(const EventProcessor&) = delete;

  /// One record, borrowed for the call. One that cannot be decoded is counted and dropped.
  void OnRecord(std::span<const std::byte> record) noexcept;

  /// The same for a record that is decoded already, as Decode promises it: also counted.
  void OnEvent(const Record& record) noexcept;

  /// Time has come to `ktime_ns` (CLOCK_MONOTONIC, as in the records). Call at any rate, at best
  /// once per tick; costs nothing per connection that is not due.
  void Tick(std::uint64_t ktime_ns) noexcept;

  /// Ends every connection as if it had gone idle, so that all that is held comes out. More records
  /// may follow; they start anew.
  void Close(std::uint64_t ktime_ns) noexcept;

  /// From now on so much is kept of a message's body. What was kept of those under way stays.
  void SetBodyLimit(std::uint64_t bytes) { options_.limits.body_bytes = bytes; }

  /// As of the last call.
  const ProcessorStats& stats() const { return stats_; }

  /// Bytes the parsers hold now.
  std::uint64_t held_bytes() const { return budget_.used_bytes(); }

  /// The latest decode errors, oldest first, at most kMaxErrors. No payload is in them.
  const std::deque<Error>& recent_errors() const { return errors_; }

 private:
  void Dispatch(const Record& record);
  void OnData(const SSLDataEvent& event);
  void OnConnection(const ConnDataEvent& event);
  void OnSslEnd(const SSLEndEvent& event);
  void OnSslSocket(const SSLSocketEvent& event);
  void OnHandshake(const SSLHandshakeEvent& event);
  void PublishHandshake(const SSLHandshakeEvent& event, const HandshakePart& part);
  void TellHandshake(WorkerTable::Slot& slot, const SslId& ssl, const SocketId& socket);
  WorkerTable::Slot& SlotFor(const SSLDataEvent& event);
  void End(WorkerTable::Slot& slot, StreamEnd end);
  void KeepError(Error error);

  ProcessorOptions options_;
  ByteBudget budget_;
  ProcessorStats stats_;
  WorkerEnv env_;
  WorkerTable workers_;  // its workers borrow all of the above
  HandshakeTable handshakes_;
  std::deque<Error> errors_;
};

}  // namespace tlscope
