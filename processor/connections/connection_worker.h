// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "parsers/parser_registry.h"
#include "processor/bus/event_bus.h"
#include "processor/connections/connection_uuid.h"
#include "processor/connections/direction_stream.h"
#include "processor/connections/exchange_pairing.h"
#include "processor/connections/worker_env.h"
#include "processor/events/kernel_records.h"

namespace tlscope {

/// Follows one connection: both directions, who speaks, which response answers which request. One
/// thread; publishes on the bus while it is called. When it lives and dies is its owner's affair.
///
/// The first data of a connection waits up to a tick for its socket, where that may be found when
/// the data is sent (memory BIOs), within kMaxHeldEvents and kMaxHeldBytes.
class ConnectionWorker {
 public:
  static constexpr std::size_t kMaxHeldEvents = 16;
  static constexpr std::size_t kMaxHeldBytes = 64U << 10;

  /// For the connection of `first`, which is to be handed to OnData too. `env` is borrowed.
  ConnectionWorker(const SSLDataEvent& first, const WorkerEnv& env);
  ~ConnectionWorker();
  ConnectionWorker(const ConnectionWorker&) = delete;
  ConnectionWorker& operator=(const ConnectionWorker&) = delete;

  /// The next piece. Its socket is this worker's, or one of the two is unknown.
  void OnData(const SSLDataEvent& event);

  /// What the socket is, which was unknown until now.
  void OnSocket(const SSLSocketEvent& event);

  /// News of the handshake. What was detected before stays.
  void OnHandshake(const HandshakeFacts& facts);

  /// The SSL object is gone after `bytes` bytes in each direction: what is missing is lost. Finish
  /// follows.
  void OnSslEnd(const std::array<std::uint64_t, 2>& bytes, std::uint64_t ktime_ns);

  /// Nothing came for a tick: raw bytes, and parts of bodies that are shown as they come, are
  /// emitted.
  void OnPause();

  /// Nothing came for so long that bytes of undecided protocol are emitted as raw ones.
  void OnStall();

  /// Emits the rest of both directions. Nothing may follow.
  void Finish(StreamEnd end);

  const ConnectionInfo& info() const { return info_; }

  /// Whether OnPause would emit something.
  bool pausable() const {
    return !held_.empty() || streams_[0].pausable() || streams_[1].pausable();
  }

  /// Whether OnStall would.
  bool undecided() const { return streams_[0].undecided() || streams_[1].undecided(); }

 private:
  class Port final : public StreamHandler {
   public:
    Port(ConnectionWorker& worker, DataType direction) : worker_(worker), direction_(direction) {}
    void OnMessage(Message&& message) override {
      worker_.OnMessage(direction_, std::move(message));
    }
    bool WantsFrames() const override { return worker_.env_.bus.Wants(Topic::kHttpFrame); }
    void OnFrame(const FrameRecord& frame) override { worker_.OnFrame(direction_, frame); }
    void OnProtocol(const ProtocolSpec& protocol, std::uint64_t ktime_ns) override {
      worker_.OnProtocol(direction_, protocol, ktime_ns);
    }

   private:
    ConnectionWorker& worker_;
    DataType direction_;
  };

  /// An event with its bytes.
  struct Held {
    SSLDataEvent event;
    std::string data;
  };

  bool Hold(const SSLDataEvent& event);
  void ReleaseHeld();
  void Process(const SSLDataEvent& event);
  void CompleteInfo(const SSLDataEvent& event);
  void Miss(const Missed& missed, std::uint64_t ktime_ns);
  void Lose(DataType direction, std::uint64_t bytes, std::uint64_t ktime_ns);
  void TellLoss(DataType direction, std::uint64_t bytes, std::uint64_t ktime_ns);
  void OnMessage(DataType direction, Message&& message);
  void PublishPlaintext(const SSLDataEvent& event, std::string_view fresh);
  void OnFrame(DataType direction, const FrameRecord& frame);
  void OnProtocol(DataType direction, const ProtocolSpec& protocol, std::uint64_t ktime_ns);
  void Publish(const Exchange& exchange);
  Correlation CorrelationOf(const Message& message);
  Correlation CorrelationOf(std::uint64_t exchange);

  const WorkerEnv& env_;
  ConnectionInfo info_;
  ConnectionUuid uuid_;
  DataType speaker_;
  std::uint64_t upgrade_ = 0;   ///< the exchange that led to another protocol
  std::uint64_t children_ = 0;  ///< events so far that are no exchange and have an id of their own
  bool waits_;                  ///< for the socket, and nothing was published yet
  std::vector<Held> held_;
  std::uint64_t held_bytes_ = 0;  ///< taken from the budget
  ExchangePairing pairing_;
  ParserContext context_;
  std::array<Port, 2> ports_;               // by DataType, as below
  std::array<DirectionStream, 2> streams_;  // last: its parsers use all of the above
};

}  // namespace tlscope
