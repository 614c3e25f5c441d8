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
  using Clock = std::chrono::steady_clock;
  using ErrorCode = boost::system::error_code;

  // Out.
  void Continue();
  bool MakeHeartbeat();
  void Write(bool control);
  void OnWritten(const ErrorCode& error, std::size_t bytes, bool control);
  void OnLingered();
  void EndHold();
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
  Clock::time_point last_heard_;
  std::uint64_t acknowledged_ = 0;  // the last that was, on this connection
  std::optional<Error> write_error_;
  bool heard_ = false;
  bool welcomed_ = false;
  bool held_ = false;  // no blocks yet
  bool writing_ = false;
  bool heartbeat_due_ = false;
  bool finishing_ = false;
  bool shutting_down_ = false;
  bool ended_ = false;
};

}  // namespace tlscope
