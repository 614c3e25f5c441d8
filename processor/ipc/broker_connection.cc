// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/broker_connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace tlscope {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kServerReadBytes = std::size_t{16} << 10;

// What a client gets of the thread before it is the next one's turn.
constexpr std::size_t kMessagesPerTurn = 32;
constexpr std::size_t kBytesPerTurn = std::size_t{128} << 10;

}  // namespace

BrokerConnection::BrokerConnection(ConnectionOwner& owner, Socket socket,
                                   std::unique_ptr<BrokerSession> session,
                                   const BrokerLimits& limits)
    : owner_(owner),
      socket_(std::move(socket)),
      session_(std::move(session)),
      limits_(limits),
      deadline_(socket_.get_executor()) {}

void BrokerConnection::Start() {
  error_code failed;
  socket_.non_blocking(true, failed);
  if (failed) return Close();
  Write();
  Read();
}

bool BrokerConnection::TakeEvents(std::int64_t now_unix_ns) {
  if (closed_ || finished_ || full()) return false;
  const std::size_t room = limits_.outgoing_bytes - waiting_bytes();
  if (!session_->TakeEvents(std::min(room, kBytesPerTurn), now_unix_ns)) return false;
  Write();
  return true;
}

TopicSet BrokerConnection::topics_awaited() const {
  return closed_ || finished_ || full() ? 0 : session_->topics();
}

void BrokerConnection::Read() {
  if (closed_ || finished_) return;
  const std::span<char> room = session_->PrepareInput(kServerReadBytes);
  socket_.async_read_some(
      asio::buffer(room.data(), kServerReadBytes),
      [self = shared_from_this(), hold = owner_.Hold()](error_code error, std::size_t bytes) {
        if (self->closed_) return;
        if (error) return self->Finish();  // whoever says no more is done
        self->session_->CommitInput(bytes);
        self->Answer();
      });
}

/// Answers what has come, then reads on. While the client does not read, nothing is read of it.
void BrokerConnection::Answer() {
  if (closed_ || finished_) return;
  unanswered_ = full();
  if (unanswered_) return ExpectMessage(false);
  const BrokerSession::Input input = session_->Answer(kMessagesPerTurn);
  if (input == BrokerSession::Input::kFinished) return Finish();
  ExpectMessage(input == BrokerSession::Input::kPartial);
  Write();
  owner_.SchedulePump();
  if (input != BrokerSession::Input::kMore) return Read();
  asio::post(socket_.get_executor(),
             [self = shared_from_this(), hold = owner_.Hold()] { self->Answer(); });
}

/// Gives a message that is begun its time, once.
void BrokerConnection::ExpectMessage(bool begun) {
  if (!begun) {
    if (std::exchange(deadline_set_, false)) deadline_.cancel();
    return;
  }
  if (deadline_set_ && deadline_message_ == session_->answered()) return;
  deadline_set_ = true;
  deadline_message_ = session_->answered();
  deadline_.expires_after(limits_.message_deadline);
  deadline_.async_wait([self = shared_from_this(), hold = owner_.Hold()](error_code error) {
    // A timer that had run off cannot be cancelled any more.
    if (error || self->closed_ || !self->deadline_set_ ||
        self->deadline_.expiry() > asio::steady_timer::clock_type::now())
      return;
    self->session_->SendOff(v1::Error::INVALID, "the rest of a message did not come in time");
    self->Finish();
  });
}

/// Sends what there is, for as long as the client takes to read it, and closes.
void BrokerConnection::Finish() {
  if (closed_ || std::exchange(finished_, true)) return;
  Write();
  if (waiting_bytes() == 0) return Close();
  deadline_.expires_after(limits_.message_deadline);
  deadline_.async_wait([self = shared_from_this(), hold = owner_.Hold()](error_code error) {
    if (!error) self->Close();
  });
}

void BrokerConnection::Write() {
  if (closed_ || !sending_.empty() || session_->output().empty()) return;
  std::swap(sending_, session_->output());
  sent_ = 0;
  OnWritten(0);
}

/// Goes on with what is being sent.
void BrokerConnection::OnWritten(std::size_t bytes) {
  sent_ += bytes;
  if (sent_ < sending_.size()) {
    socket_.async_write_some(
        asio::buffer(sending_.data() + sent_, sending_.size() - sent_),
        [self = shared_from_this(), hold = owner_.Hold()](error_code error, std::size_t written) {
          if (self->closed_) return;
          if (error) return self->Close();
          self->OnWritten(written);
        });
    return;
  }
  if (sending_.capacity() > 2 * limits_.outgoing_bytes) {
    sending_ = {};
  } else {
    sending_.clear();
  }
  Write();
  if (finished_ && waiting_bytes() == 0) return Close();
  if (unanswered_) Answer();
  owner_.SchedulePump();
}

void BrokerConnection::CloseIfIdle() {
  if (!closed_ && waiting_bytes() == 0) Close();
}

void BrokerConnection::Close() {
  if (std::exchange(closed_, true)) return;
  session_->DropSubscriptions();
  error_code ignored;
  socket_.close(ignored);
  deadline_.cancel();
  owner_.SchedulePump();
}

}  // namespace tlscope
