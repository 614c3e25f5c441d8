// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "processor/bus/event_bus.h"
#include "processor/ipc/access.h"
#include "processor/ipc/ipc_limits.h"
#include "processor/wire/delimited.h"
#include "tlscope/v1/control.pb.h"

namespace tlscope {

/// Carries out a command of a peer that may give it. On the broker's thread. A failure of kUsage
/// tells the client that its command makes no sense; its text reaches the client.
using CommandHandler = std::function<Result<v1::Reply>(const v1::Command&, const Peer&)>;

/// What all sessions share. Borrowed; outlives them.
struct SessionEnv {
  EventBus& bus;
  const AccessPolicy& policy;
  const BrokerLimits& limits;
  const CommandHandler& on_command;
};

/// What one client and the agent say to each other: bytes in, bytes out, no sockets. One thread.
class BrokerSession {
 public:
  /// Says `welcome` first.
  BrokerSession(const SessionEnv& env, Peer peer, const v1::Welcome& welcome);
  ~BrokerSession();
  BrokerSession(const BrokerSession&) = delete;
  BrokerSession& operator=(const BrokerSession&) = delete;

  enum class Input : std::uint8_t {
    kIdle,      ///< nothing is begun
    kPartial,   ///< a message is begun: the rest has to come
    kMore,      ///< a whole message may be left: call Answer again when there is room for output
    kFinished,  ///< nothing more is read: send what there is and close
  };

  /// Room for at least `bytes` bytes of input; then Commit what came.
  std::span<char> PrepareInput(std::size_t bytes) { return input_.Prepare(bytes); }
  void CommitInput(std::size_t bytes) { input_.Commit(bytes); }

  /// Answers at most `max` of the messages that have come.
  Input Answer(std::size_t max);
  /// Messages since the beginning.
  std::uint64_t answered() const { return answered_; }

  /// Nothing more is wanted of the client, for this reason.
  void SendOff(v1::Error::Code code, const std::string& text);

  /// They end here, whatever is left of them.
  void DropSubscriptions();

  /// Takes events from the subscriptions until about `bytes` more have to be sent. False when there
  /// were none. `now_unix_ns` ends the subscriptions whose time is over.
  bool TakeEvents(std::size_t bytes, std::int64_t now_unix_ns);

  /// Of all subscriptions.
  TopicSet topics() const;
  std::size_t subscriptions() const { return streams_.size(); }
  /// When the first subscription with an end ends; 0: none does.
  std::int64_t first_end_unix_ns() const;
  /// Events that the client was told it has missed.
  std::uint64_t lost_events() const { return lost_events_; }
  Role role() const { return role_; }

  /// What has to be sent; the caller takes it.
  std::string& output() { return output_; }

 private:
  struct Stream;

  void Handle(const v1::ClientMessage& message);
  void Subscribe(std::uint64_t id, const v1::Subscribe& wish);
  void Unsubscribe(std::uint64_t id);
  void Publish(std::uint64_t id, const v1::Publish& publish);
  void Request(std::uint64_t id, const v1::Command& command);
  bool CarryOut(std::uint64_t id, const v1::Command& command, v1::Reply& reply);
  bool MayCommand(std::uint64_t id, const v1::Command& command);
  void TellOfCommand(const v1::Command& command, const std::string& error);

  bool Drain(Stream& stream, std::size_t end);
  void AppendLost(Stream& stream, std::size_t position);
  void Send(const v1::ServerMessage& message);
  void SendAck(std::uint64_t id);
  void SendError(std::uint64_t id, v1::Error error);
  void SendError(std::uint64_t id, v1::Error::Code code, std::string text);

  const SessionEnv env_;
  const Peer peer_;
  const Role role_;
  DelimitedReader input_;
  v1::ClientMessage message_;  // of the moment: keeps its memory
  std::uint64_t answered_ = 0;
  bool finished_ = false;
  bool refusal_told_ = false;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::size_t first_ = 0;  // of streams_, in the next turn
  std::uint64_t lost_events_ = 0;
  std::string output_;
};

}  // namespace tlscope
