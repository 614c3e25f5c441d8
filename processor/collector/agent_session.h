// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "processor/collector/collector_limits.h"
#include "processor/collector/entry_store.h"
#include "processor/wire/delimited.h"
#include "processor/wire/log_entry_reader.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {

class AgentSession;

/// What all sessions share. Borrowed; outlives them.
struct AgentSessionEnv {
  EntryStore& store;
  const CollectorLimits& limits;
  const std::string& version;
  /// Called when an agent has said who it is.
  std::function<void(const AgentSession& session, const v1::Hello& hello)> on_hello;
};

/// What one agent and the collector say to each other: bytes in, bytes out, no sockets and no
/// clock. One thread.
class AgentSession {
 public:
  explicit AgentSession(const AgentSessionEnv& env);

  enum class Input : std::uint8_t {
    kNeedMore,
    kMore,      ///< a whole message may be left: call again
    kBlocked,   ///< the store is full: call again after a commit
    kFinished,  ///< it was refused: send what there is and close
  };

  std::span<char> PrepareInput(std::size_t bytes) { return input_.Prepare(bytes); }
  void CommitInput(std::size_t bytes) { input_.Commit(bytes); }

  /// Hands at most `most` messages to the store.
  Input Process(std::size_t most);

  /// Acknowledges what has been stored since the last time.
  void Acknowledge();
  void SendHeartbeat();
  /// Says why, and ends it. Once.
  void Refuse(RefusalCause cause, const std::string& why);

  /// What has to be sent; the caller takes it.
  std::string& output() { return output_; }
  /// Null before its Hello.
  const std::shared_ptr<CollectedStream>& stream() const { return stream_; }
  /// Whether all that came over this connection is stored.
  bool settled() const { return !stream_ || last_sequence_ <= stream_->stored; }
  std::optional<RefusalCause> refusal() const { return refusal_; }
  const std::string& why() const { return why_; }

 private:
  void Shrink();
  void RefuseLength(std::uint64_t bytes);
  void Handle(std::string_view bytes);
  void HandleHello(const v1::LogEntry& entry);
  void HandleEvent(std::string_view bytes);
  void Send(const v1::CollectorMessage& message);

  const AgentSessionEnv& env_;
  DelimitedReader input_;
  // Of the moment: both keep their memory.
  v1::LogEntry entry_;
  std::optional<LogEntryReader> reader_{std::in_place};
  std::shared_ptr<CollectedStream> stream_;
  std::uint64_t last_sequence_ = 0;  // over this connection
  std::uint64_t acknowledged_ = 0;
  std::uint64_t beats_ = 0;
  std::optional<RefusalCause> refusal_;
  std::string why_;
  std::string output_;
};

/// For people: "host/instance".
std::string AgentName(const AgentIdentity& agent);

/// Whether an agent may be called so: a host of printable ASCII without spaces, the name of an
/// instance or none, a stream that is not 0.
bool IsSoundIdentity(const v1::Agent& agent);

}  // namespace tlscope
