// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/stream/stream_connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <utility>

#include "processor/sinks/stream/spool.h"
#include "processor/text/printable.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

// Given to the system at once at most.
constexpr std::size_t kWriteBytes = std::size_t{1} << 20;

// What a collector says is a few numbers, or why it refuses.
constexpr std::size_t kMaxMessageBytes = std::size_t{64} << 10;
constexpr std::size_t kReadBytes = std::size_t{4} << 10;

// A collector is gone when it was silent for longer than this many heartbeats.
constexpr int kSilentBeats = 3;

// How long a peer that was told the end may take to close its side; and one that takes no more
// bytes to say why.
constexpr milliseconds kLastWords{500};

constexpr std::size_t kMaxReasonBytes = 200;

}  // namespace

StreamConnection::StreamConnection(asio::io_context& context, std::shared_ptr<ByteStream> transport,
                                   const StreamSinkOptions& options, Spool& spool,
                                   Handlers handlers)
    : options_(options),
      spool_(spool),
      handlers_(std::move(handlers)),
      url_(options.address.Url()),
      transport_(std::move(transport)),
      hold_timer_(context),
      beat_timer_(context),
      linger_timer_(context),
      settle_timer_(context),
      end_timer_(context),
      input_(kMaxMessageBytes) {}

StreamConnection::State StreamConnection::Next(State state, Event event) {
  switch (state) {
    case State::kHeld:
    case State::kSending:
      switch (event) {
        case Event::kBlocksMayGo:
          return State::kSending;
        case Event::kDrained:
          return State::kShuttingDown;
        case Event::kWriteFailed:
          return State::kFailing;
        case Event::kOver:
          return State::kEnded;
      }
      break;
    case State::kShuttingDown:
    case State::kFailing:
      return event == Event::kOver ? State::kEnded : state;
    case State::kEnded:
      break;
  }
  return state;
}

void StreamConnection::Start() {
  const std::uint64_t next_sequence = spool_.BeginConnection();
  if (options_.start) control_ = options_.start(next_sequence);
  const bool acknowledges = options_.framed && spool_.keeps_sent();
  if (acknowledges) silent_beats_ = 0;
  if (!options_.framed && !transport_->PeerMayStillRefuse()) {
    state_ = Next(state_, Event::kBlocksMayGo);
  } else if (!acknowledges) {
    // One that acknowledges says Welcome, or is silent for too long.
    StartTimer(hold_timer_, options_.welcome_patience, &StreamConnection::LetBlocksGo);
  }
  if (options_.framed)
    StartTimer(beat_timer_, options_.heartbeat_interval, &StreamConnection::OnBeat);
  StartTimer(settle_timer_, options_.settle_time, &StreamConnection::Settle);
  Read();
  Continue();
}

void StreamConnection::Finish() {
  finishing_ = true;
  Continue();
}

void StreamConnection::Abort() {
  handlers_.on_end = nullptr;
  End(std::nullopt);
}

/// Writes what is to be written next, or sees to it that this is called when there is something.
void StreamConnection::Continue() {
  const bool held = state_ == State::kHeld;
  if (writing_ || (!held && state_ != State::kSending)) return;
  if (!control_.empty()) return Write(true);
  if (heartbeat_due_) return MakeHeartbeat() ? Write(true) : Write(false);
  do {
    if (!held) spool_.Gather(parts_, ByteStream::kMaxParts, kWriteBytes);
    if (!held && !parts_.empty()) return Write(false);
    // After Gather, which may have given up the last of them.
    if (finishing_ && spool_.Empty()) return Shutdown();
    if (held) return;
  } while (!spool_.StartWait(Spool::Wait::kForAny));
}

/// False when the rest of a block, which is gathered, comes first.
bool StreamConnection::MakeHeartbeat() {
  if (spool_.GatherRestOfBlock(parts_)) return false;
  heartbeat_due_ = false;
  control_ = handlers_.heartbeat();
  return true;
}

void StreamConnection::Write(bool control) {
  std::vector<asio::const_buffer> buffers;
  if (control) {
    buffers.emplace_back(control_.data(), control_.size());
  } else {
    for (const std::string_view part : parts_) buffers.emplace_back(part.data(), part.size());
  }
  writing_ = true;
  transport_->AsyncWrite(
      buffers, [self = shared_from_this(), control](const error_code& error, std::size_t bytes) {
        self->OnWritten(error, bytes, control);
      });
}

void StreamConnection::OnWritten(const error_code& error, std::size_t bytes, bool control) {
  writing_ = false;
  if (state_ == State::kEnded) return;
  if (error) {
    state_ = Next(state_, Event::kWriteFailed);
    // What it may have said last tells more: the reader comes to it.
    write_error_ = transport_->Explain("write to " + url_, error);
    return StartTimer(end_timer_, kLastWords, &StreamConnection::GiveUp);
  }
  if (control)
    control_.erase(0, bytes);
  else
    spool_.Sent(bytes);
  Continue();
}

void StreamConnection::OnBlocks() {
  if (state_ == State::kEnded) return;
  if (finishing_ || !spool_.StartWait(Spool::Wait::kForCompany)) return OnLingered();
  StartTimer(linger_timer_, options_.linger, &StreamConnection::OnLingered);
}

void StreamConnection::OnLingered() {
  // Continue waits anew when there is nothing.
  static_cast<void>(spool_.StartWait(Spool::Wait::kBusy));
  Continue();
}

void StreamConnection::LetBlocksGo() {
  state_ = Next(state_, Event::kBlocksMayGo);
  Continue();
}

void StreamConnection::Shutdown() {
  state_ = Next(state_, Event::kDrained);
  // The peer's end comes to the reader.
  transport_->AsyncShutdown([self = shared_from_this()](const error_code& /*error*/) {});
  StartTimer(end_timer_, kLastWords, &StreamConnection::GiveUp);
}

/// The peer has said nothing more.
void StreamConnection::GiveUp() { End(std::exchange(write_error_, std::nullopt)); }

void StreamConnection::Read() {
  const std::span<char> room = input_.Prepare(kReadBytes);
  transport_->AsyncRead(asio::buffer(room.data(), room.size()),
                        [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                          self->OnRead(error, bytes);
                        });
}

void StreamConnection::OnRead(const error_code& error, std::size_t bytes) {
  if (state_ == State::kEnded) return;
  if (error) {
    if (state_ == State::kShuttingDown) return End(std::nullopt);
    return End(transport_->Explain("stay connected to " + url_, error));
  }
  silent_beats_ = 0;
  if (options_.framed) {
    input_.Commit(bytes);
    TakeMessages();
  }
  if (state_ != State::kEnded) Read();
}

void StreamConnection::TakeMessages() {
  while (state_ != State::kEnded) {
    std::string_view bytes;
    const DelimitedReader::Status status = input_.Next(bytes);
    if (status == DelimitedReader::Status::kNeedMore) return;
    if (status == DelimitedReader::Status::kInvalid || !ParseMessage(bytes, message_))
      return Malformed("what it says is no CollectorMessage");
    Take(message_);
  }
}

void StreamConnection::Take(const v1::CollectorMessage& message) {
  switch (message.body_case()) {
    case v1::CollectorMessage::kWelcome:
      return TakeWelcome(message.welcome());
    case v1::CollectorMessage::kAcknowledged:
      return TakeAcknowledged(message.acknowledged().stored_sequence());
    case v1::CollectorMessage::kRefused:
      return End(Error{Errc::kSystem,
                       0,
                       "send to " + url_ + ": it refuses: " +
                           PrintableAscii(message.refused().substr(0, kMaxReasonBytes)),
                       {}});
    case v1::CollectorMessage::kHeartbeat:
    case v1::CollectorMessage::BODY_NOT_SET:  // of a later version
      return;
  }
}

void StreamConnection::TakeWelcome(const v1::CollectorWelcome& welcome) {
  spool_.KeepSent();
  if (!spool_.Acknowledge(welcome.stored_sequence()))
    return Malformed("it says that it has what was never sent");
  // The length before an entry is no part of it; and some say "no limit" with the largest number.
  if (const std::uint64_t bytes = welcome.max_entry_bytes(); bytes != 0)
    spool_.LimitBlocks(std::max(bytes, bytes + VarintBytes(bytes)));
  acknowledged_ = welcome.stored_sequence();
  hold_timer_.cancel();
  LetBlocksGo();
}

void StreamConnection::TakeAcknowledged(std::uint64_t stored_sequence) {
  if (!acknowledged_) return Malformed("it acknowledges before it says Welcome");
  if (!spool_.Acknowledge(stored_sequence)) return Malformed("it acknowledges what was never sent");
  if (stored_sequence > *acknowledged_) {
    acknowledged_ = stored_sequence;
    Settle();
  }
  if (finishing_) Continue();
}

void StreamConnection::Malformed(const std::string& how) {
  End(Error{Errc::kSystem, 0, "understand " + url_ + ": " + how,
            "see that a collector for tlscope listens there"});
}

void StreamConnection::StartTimer(asio::steady_timer& timer, milliseconds patience,
                                  void (StreamConnection::*then)()) {
  timer.expires_after(patience);
  timer.async_wait([self = shared_from_this(), then](const error_code& error) {
    if (!error && self->state_ != State::kEnded) (self.get()->*then)();
  });
}

void StreamConnection::OnBeat() {
  if (silent_beats_ && ++*silent_beats_ > kSilentBeats) {
    return End(Error{Errc::kSystem, ETIMEDOUT, "hear from " + url_,
                     "see what the collector does and that no firewall is in between"});
  }
  StartTimer(beat_timer_, options_.heartbeat_interval, &StreamConnection::OnBeat);
  heartbeat_due_ = true;
  Continue();
}

void StreamConnection::Settle() {
  settle_timer_.cancel();
  if (const auto on_settled = std::exchange(handlers_.on_settled, nullptr)) on_settled();
}

void StreamConnection::End(std::optional<Error> error) {
  if (state_ == State::kEnded) return;
  state_ = Next(state_, Event::kOver);
  static_cast<void>(spool_.StartWait(Spool::Wait::kBusy));
  for (asio::steady_timer* timer :
       {&hold_timer_, &beat_timer_, &linger_timer_, &settle_timer_, &end_timer_})
    timer->cancel();
  transport_->Close();
  if (const auto on_end = std::exchange(handlers_.on_end, nullptr)) on_end(std::move(error));
}

}  // namespace tlscope
