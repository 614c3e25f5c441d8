// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "processor/collector/agent_session.h"
#include "processor/net/byte_stream.h"

namespace tlscope {

/// What connections need of the collector.
class AgentConnectionOwner {
 public:
  /// Keeps the owner, and what sessions borrow of it, for as long as it is held.
  virtual std::shared_ptr<void> Hold() = 0;
  /// The store has got something, or is full.
  virtual void OnAdded() = 0;
  virtual void Post(std::function<void()> later) = 0;

 protected:
  ~AgentConnectionOwner() = default;
};

/// The socket of one agent: moves bytes between it and its session. On the thread that runs the
/// io_context.
class AgentConnection final : public std::enable_shared_from_this<AgentConnection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// `peer`: for people.
  AgentConnection(AgentConnectionOwner& owner, const AgentSessionEnv& env,
                  std::shared_ptr<ByteStream> stream, std::string peer, Clock::time_point now);

  void Start();
  /// Time has come to `now`: it may be too late for the agent, or a heartbeat may be due.
  void Tick(Clock::time_point now);
  /// The store has been committed, as far as it could be.
  void OnCommitted();
  void Refuse(RefusalCause cause, const std::string& why);
  /// Reads nothing more, sends what there is to say, and closes.
  void Finish();
  void Close();

  bool closed() const { return closed_; }
  const std::string& peer() const { return peer_; }
  const AgentSession& session() const { return session_; }

 private:
  void Read();
  void End(const boost::system::error_code& error);
  void Process();
  void Write();
  void OnWritten(std::size_t bytes);
  void Drain();
  bool writing() const { return !sending_.empty(); }

  AgentConnectionOwner& owner_;
  const AgentSessionEnv& env_;
  std::shared_ptr<ByteStream> stream_;
  const std::string peer_;
  AgentSession session_;
  const Clock::time_point since_;
  Clock::time_point heard_;
  Clock::time_point beat_;
  Clock::time_point finished_at_ = {};
  std::string sending_;
  std::size_t sent_ = 0;  // bytes of it
  bool begun_ = false;    // a handshake of TLS is over
  bool reading_ = false;
  bool blocked_ = false;  // waits for a commit
  bool ended_ = false;    // by the agent, which may still listen
  bool finished_ = false;
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace tlscope
