// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/agent_session.h"

#include <algorithm>

#include "processor/collector/parse_entry.h"
#include "processor/text/instance_name.h"

namespace tlscope {
namespace {

// HOST_NAME_MAX is 64 here; names of the DNS have 255 bytes at most (RFC 1035 2.3.4).
constexpr std::size_t kMaxHostBytes = 255;

// What a session keeps of its memory when nothing is held, so that one large message does not stay.
constexpr std::size_t kIdleInputBytes = std::size_t{256} << 10;

}  // namespace

std::string AgentName(const AgentIdentity& agent) {
  return agent.instance.empty() ? agent.host : agent.host + '/' + agent.instance;
}

bool IsSoundIdentity(const v1::Agent& agent) {
  const std::string& host = agent.host();
  return host.size() <= kMaxHostBytes &&
         std::all_of(host.begin(), host.end(), [](char c) { return c > 0x20 && c < 0x7f; }) &&
         (agent.instance().empty() || IsInstanceName(agent.instance())) && agent.stream_id() != 0;
}

AgentSession::AgentSession(const AgentSessionEnv& env)
    : env_(env), input_(env.limits.message_bytes) {}

AgentSession::Input AgentSession::Process(std::size_t most) {
  for (std::size_t i = 0; i < most && !refusal_; ++i) {
    // A Hello does not wait: an agent that hears no Welcome takes what it has written for
    // delivered.
    if (stream_ && env_.store.full()) return Input::kBlocked;
    std::string_view bytes;
    switch (input_.Next(bytes)) {
      case DelimitedReader::Status::kNeedMore:
        Shrink();
        return Input::kNeedMore;
      case DelimitedReader::Status::kInvalid:
        RefuseLength(input_.refused_bytes());
        break;
      case DelimitedReader::Status::kMessage:
        Handle(bytes);
        break;
    }
  }
  return refusal_ ? Input::kFinished : Input::kMore;
}

/// Gives back what a large entry took.
void AgentSession::Shrink() {
  input_.Shrink(kIdleInputBytes);
  if (entry_.SpaceUsedLong() <= kIdleInputBytes) return;
  entry_ = {};
  reader_.emplace();
}

void AgentSession::RefuseLength(std::uint64_t bytes) {
  if (bytes == 0) return Refuse(RefusalCause::kMalformed, "the length of an entry is no varint");
  Refuse(RefusalCause::kTooLarge, "an entry has " + std::to_string(bytes) + " bytes, and at most " +
                                      std::to_string(env_.limits.message_bytes) +
                                      " are taken (--max-message)");
}

void AgentSession::Handle(std::string_view bytes) {
  if (!ParseEntry(bytes, entry_)) {
    return Refuse(RefusalCause::kMalformed,
                  "what came is no tlscope.v1.LogEntry, or has more parts than any agent sends");
  }
  if (entry_.has_hello()) return HandleHello(entry_);
  if (!stream_) return Refuse(RefusalCause::kNoHello, "the first entry is no Hello");
  // Heartbeats and what is for people have said that the agent is there.
  if (entry_.has_event_payload() || entry_.has_bus_event()) HandleEvent(bytes);
}

void AgentSession::HandleHello(const v1::LogEntry& entry) {
  const v1::Hello& hello = entry.hello();
  if (stream_) return Refuse(RefusalCause::kMalformed, "a second Hello came");
  if (!IsSoundIdentity(hello.agent())) {
    return Refuse(RefusalCause::kMalformed, "the Hello names no agent and stream");
  }
  stream_ =
      env_.store.Begin({hello.agent().host(), hello.agent().instance(), hello.agent().stream_id()},
                       hello.next_sequence());
  acknowledged_ = stream_->stored;
  v1::CollectorMessage message;
  message.mutable_welcome()->set_version(env_.version);
  message.mutable_welcome()->set_stored_sequence(stream_->stored);
  message.mutable_welcome()->set_max_entry_bytes(env_.limits.message_bytes);
  Send(message);
  if (env_.on_hello) env_.on_hello(*this, hello);
}

void AgentSession::HandleEvent(std::string_view bytes) {
  const std::uint64_t sequence = entry_.sequence();
  if (sequence == 0) return Refuse(RefusalCause::kSequence, "an event has no sequence");
  if (sequence <= last_sequence_) {
    return Refuse(RefusalCause::kSequence, "the sequence of an entry is not above the one before");
  }
  last_sequence_ = sequence;
  env_.store.Add(stream_, {sequence, bytes, reader_->Read(entry_)});
}

void AgentSession::Acknowledge() {
  if (!stream_ || stream_->stored <= acknowledged_ || refusal_) return;
  acknowledged_ = stream_->stored;
  v1::CollectorMessage message;
  message.mutable_acknowledged()->set_stored_sequence(acknowledged_);
  Send(message);
}

void AgentSession::SendHeartbeat() {
  if (!stream_ || refusal_) return;
  v1::CollectorMessage message;
  message.mutable_heartbeat()->set_beat(++beats_);
  message.mutable_heartbeat()->set_interval_ms(
      static_cast<std::uint64_t>(env_.limits.heartbeat.count()));
  Send(message);
}

void AgentSession::Refuse(RefusalCause cause, const std::string& why) {
  if (refusal_) return;
  refusal_ = cause;
  why_ = why;
  v1::CollectorMessage message;
  message.set_refused(why);
  Send(message);
}

void AgentSession::Send(const v1::CollectorMessage& message) { AppendDelimited(message, output_); }

}  // namespace tlscope
