// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "processor/base/result.h"
#include "processor/net/byte_stream.h"
#include "processor/sinks/stream/stream_sink.h"
#include "processor/wire/delimited.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {

class Spool;

/// What is said over one connection: the start, blocks of the spool, heartbeats, and what the peer
/// answers. On one io_context's thread.
///
/// Where it stands, and what changes that (-: nothing):
///
///     state         | kBlocksMayGo | kDrained      | kWriteFailed | kOver
///     --------------+--------------+---------------+--------------+-------
///     kHeld         | kSending     | kShuttingDown | kFailing     | kEnded
///     kSending      | -            | kShuttingDown | kFailing     | kEnded
///     kShuttingDown | -            | -             | -            | kEnded
///     kFailing      | -            | -             | -            | kEnded
///     kEnded        | -            | -             | -            | -
///
/// Apart from that there may be a write under way, a heartbeat due, and the wish to end once the
/// spool is empty. Messages of the peer are taken in any state but kEnded.
class StreamConnection : public std::enable_shared_from_this<StreamConnection> {
 public:
  struct Handlers {
    /// It has lasted, or something was acknowledged on it. At most once.
    std::function<void()> on_settled;
    /// It is over; without an Error because it was finished. Once, and not after Abort.
    std::function<void(std::optional<Error> error)> on_end;
    /// Makes the heartbeat.
    std::function<std::string()> heartbeat;
  };

  /// Options and spool are borrowed for as long as handlers of the transport may come.
  StreamConnection(boost::asio::io_context& context, std::shared_ptr<ByteStream> transport,
                   const StreamSinkOptions& options, Spool& spool, Handlers handlers);

  /// Once.
  void Start();
  /// Blocks wait that the spool was not asked for yet.
  void OnBlocks();
  /// The spool is closed: once it is empty the connection ends.
  void Finish();
  /// Ends at once.
  void Abort();

 private:
  enum class State : std::uint8_t {
    kHeld,          ///< the start and heartbeats are written, blocks wait to be allowed
    kSending,       ///< blocks are written, too
    kShuttingDown,  ///< the peer was told the end, and may close its side
    kFailing,       ///< a write failed; the peer may still say why
    kEnded,         ///< on_end was called, or the connection was aborted
  };
  enum class Event : std::uint8_t {
    kBlocksMayGo,  ///< Welcome, or it was waited for long enough, or none is
    kDrained,      ///< nothing more is to be sent
    kWriteFailed,
    kOver,  ///< the peer closed, made no sense, refused or is silent; or it had its last words
  };
  static State Next(State state, Event event);

  using ErrorCode = boost::system::error_code;

  // Out.
  void Continue();
  bool MakeHeartbeat();
  void Write(bool control);
  void OnWritten(const ErrorCode& error, std::size_t bytes, bool control);
  void OnLingered();
  void LetBlocksGo();
  void Shutdown();
  // In.
  void Read();
  void OnRead(const ErrorCode& error, std::size_t bytes);
  void TakeMessages();
  void Take(const v1::CollectorMessage& message);
  void TakeWelcome(const v1::CollectorWelcome& welcome);
  void TakeAcknowledged(std::uint64_t stored_sequence);
  void Malformed(const std::string& how);

  void StartTimer(boost::asio::steady_timer& timer, std::chrono::milliseconds patience,
                  void (StreamConnection::*then)());
  void OnBeat();
  void Settle();
  void GiveUp();
  void End(std::optional<Error> error);

  const StreamSinkOptions& options_;
  Spool& spool_;
  Handlers handlers_;
  const std::string url_;
  std::shared_ptr<ByteStream> transport_;
  boost::asio::steady_timer hold_timer_;
  boost::asio::steady_timer beat_timer_;
  boost::asio::steady_timer linger_timer_;
  boost::asio::steady_timer settle_timer_;
  boost::asio::steady_timer end_timer_;

  std::string control_;  // the start or a heartbeat, as far as it is not written
  std::vector<std::string_view> parts_;
  DelimitedReader input_;
  v1::CollectorMessage message_;  // keeps its memory
  /// Heartbeats that came due since the peer was heard; none of one that may be silent for good.
  std::optional<int> silent_beats_;
  /// The last sequence that was, on this connection; none before Welcome.
  std::optional<std::uint64_t> acknowledged_;
  std::optional<Error> write_error_;
  State state_ = State::kHeld;
  bool writing_ = false;
  bool heartbeat_due_ = false;
  bool finishing_ = false;  // Finish was called
};

}  // namespace tlscope
