// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "processor/events/topic.h"
#include "processor/ipc/broker_session.h"
#include "processor/ipc/ipc_limits.h"

namespace tlscope {

/// What connections need of the broker.
class ConnectionOwner {
 public:
  /// Keeps the owner, and what sessions borrow of it, for as long as it is held.
  virtual std::shared_ptr<void> Hold() = 0;
  /// TakeEvents of every connection is to be called soon: there is room, or somebody is gone.
  virtual void SchedulePump() = 0;

 protected:
  ~ConnectionOwner() = default;
};

/// The socket of one client: moves bytes between it and its session, never blocking. On the thread
/// that runs the io_context.
class BrokerConnection final : public std::enable_shared_from_this<BrokerConnection> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  BrokerConnection(ConnectionOwner& owner, Socket socket, std::unique_ptr<BrokerSession> session,
                   const BrokerLimits& limits);

  void Start();

  /// Takes a turn's worth of events from the bus and sends them. False when there were none, or
  /// there is no room.
  bool TakeEvents(std::int64_t now_unix_ns);

  /// Whose publication is to wake the broker: none while there is no room.
  TopicSet topics_awaited() const;

  void CloseIfIdle();
  void Close();
  bool closed() const { return closed_; }
  const BrokerSession& session() const { return *session_; }

 private:
  std::size_t waiting_bytes() const { return sending_.size() + session_->output().size(); }
  bool full() const { return waiting_bytes() >= limits_.outgoing_bytes; }
  void Read();
  void Answer();
  void ExpectMessage(bool begun);
  void Finish();
  void Write();
  void OnWritten(std::size_t bytes);

  ConnectionOwner& owner_;
  Socket socket_;
  std::unique_ptr<BrokerSession> session_;
  const BrokerLimits& limits_;
  boost::asio::steady_timer deadline_;
  bool deadline_set_ = false;
  std::uint64_t deadline_message_ = 0;  // by its number
  std::string sending_;
  std::size_t sent_ = 0;     // bytes of it
  bool unanswered_ = false;  // a message waits for room for its answer
  bool finished_ = false;
  bool closed_ = false;
};

}  // namespace tlscope
