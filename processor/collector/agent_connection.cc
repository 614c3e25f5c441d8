// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/agent_connection.h"

#include <boost/asio/error.hpp>
#include <utility>

namespace tlscope {
namespace {

using boost::system::error_code;

constexpr std::size_t kSocketReadBytes = std::size_t{64} << 10;

// What an agent gets of the thread before it is the next one's turn.
constexpr std::size_t kEntriesPerTurn = 64;

// For an agent that was sent off to read why; what it still sends is thrown away meanwhile, since a
// socket that is closed with input left resets the connection.
constexpr std::chrono::seconds kFarewell{2};

}  // namespace

AgentConnection::AgentConnection(AgentConnectionOwner& owner, const AgentSessionEnv& env,
                                 std::shared_ptr<ByteStream> stream, std::string peer,
                                 Clock::time_point now)
    : owner_(owner),
      env_(env),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      session_(env),
      since_(now),
      heard_(now),
      beat_(now) {}

void AgentConnection::Start() {
  stream_->AsyncHandshake(
      [self = shared_from_this(), hold = owner_.Hold()](const error_code& error) {
        if (self->closed_) return;
        if (error) {
          self->Refuse(RefusalCause::kTls, error.message());
          return self->Close();
        }
        self->begun_ = true;
        self->Read();
      });
}

void AgentConnection::Tick(Clock::time_point now) {
  if (closed_) return;
  if (finished_) {
    if (finished_at_ == Clock::time_point()) finished_at_ = now;
    if (now - finished_at_ >= kFarewell) Close();
    return;
  }
  if (blocked_) heard_ = now;  // it may have said a lot
  if (!session_.stream()) {
    if (now - since_ < env_.limits.hello_deadline) return;
    return begun_ ? Refuse(RefusalCause::kNoHello, "no Hello came in time")
                  : Refuse(RefusalCause::kTls, "no handshake of TLS came in time");
  }
  if (now - heard_ >= env_.limits.missed_heartbeats * env_.limits.heartbeat) {
    return Refuse(RefusalCause::kSilent, "nothing came for as long as " +
                                             std::to_string(env_.limits.missed_heartbeats) +
                                             " heartbeats");
  }
  if (now - beat_ < env_.limits.heartbeat) return;
  beat_ = now;
  if (writing()) return;  // an agent that does not read needs to hear no more
  session_.SendHeartbeat();
  Write();
}

void AgentConnection::Read() {
  if (closed_ || finished_ || reading_) return;
  reading_ = true;
  const std::span<char> room = session_.PrepareInput(kSocketReadBytes).first(kSocketReadBytes);
  stream_->AsyncRead(boost::asio::buffer(room.data(), room.size()),
                     [self = shared_from_this(), hold = owner_.Hold()](const error_code& error,
                                                                       std::size_t bytes) {
                       self->reading_ = false;
                       if (self->closed_) return;
                       if (error) return self->End(error);
                       self->heard_ = Clock::now();
                       if (self->finished_) return self->Drain();
                       self->session_.CommitInput(bytes);
                       self->Process();
                     });
}

/// The agent says no more; it may wait to hear that what it said is stored.
void AgentConnection::End(const error_code& error) {
  const bool may_hear = error == boost::asio::error::eof && session_.stream();
  if (finished_ || !may_hear) return Close();
  ended_ = true;
  if (session_.settled()) Finish();
}

void AgentConnection::Process() {
  if (closed_ || finished_) return;
  const AgentSession::Input input = session_.Process(kEntriesPerTurn);
  Write();
  owner_.OnAdded();
  switch (input) {
    case AgentSession::Input::kNeedMore:
      return Read();
    case AgentSession::Input::kMore:
      return owner_.Post([self = shared_from_this(), hold = owner_.Hold()] { self->Process(); });
    case AgentSession::Input::kBlocked:
      blocked_ = true;
      return;
    case AgentSession::Input::kFinished:
      return Finish();
  }
}

void AgentConnection::OnCommitted() {
  if (closed_) return;
  // One that does not read is told of the latest when it does.
  if (!writing()) session_.Acknowledge();
  Write();
  if (ended_ && session_.settled()) return Finish();
  if (!blocked_ || env_.store.full()) return;
  blocked_ = false;
  owner_.Post([self = shared_from_this(), hold = owner_.Hold()] { self->Process(); });
}

void AgentConnection::Refuse(RefusalCause cause, const std::string& why) {
  if (closed_ || finished_) return;
  session_.Refuse(cause, why);
  if (begun_) return Finish();
  Close();
}

void AgentConnection::Finish() {
  if (closed_ || std::exchange(finished_, true)) return;
  Write();
  if (!writing()) Drain();
}

/// All is said: waits for the agent to close, for a while.
void AgentConnection::Drain() {
  if (closed_ || writing()) return;
  if (!std::exchange(draining_, true)) stream_->EndWriting();
  if (std::exchange(reading_, true)) return;
  const std::span<char> room = session_.PrepareInput(kSocketReadBytes).first(kSocketReadBytes);
  stream_->AsyncRead(
      boost::asio::buffer(room.data(), room.size()),
      [self = shared_from_this(), hold = owner_.Hold()](const error_code& error, std::size_t) {
        self->reading_ = false;
        if (self->closed_) return;
        if (error) return self->Close();
        self->Drain();
      });
}

void AgentConnection::Write() {
  if (closed_ || writing() || session_.output().empty() || !begun_) return;
  std::swap(sending_, session_.output());
  sent_ = 0;
  OnWritten(0);
}

/// Goes on with what is being sent.
void AgentConnection::OnWritten(std::size_t bytes) {
  sent_ += bytes;
  if (sent_ < sending_.size()) {
    stream_->AsyncWrite({boost::asio::buffer(sending_) + sent_},
                        [self = shared_from_this(), hold = owner_.Hold()](const error_code& error,
                                                                          std::size_t written) {
                          if (self->closed_) return;
                          if (error) return self->Close();
                          self->OnWritten(written);
                        });
    return;
  }
  sending_.clear();
  session_.Acknowledge();
  if (!session_.output().empty()) return Write();
  if (finished_) Drain();
}

void AgentConnection::Close() {
  if (std::exchange(closed_, true)) return;
  stream_->Close();
}

}  // namespace tlscope
