// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "processor/base/result.h"
#include "processor/net/stream_address.h"
#include "processor/sinks/sink.h"

namespace tlscope {

/// Where a StreamSink sends blocks, and how long it waits for what.
struct StreamSinkOptions {
  using Milliseconds = std::chrono::milliseconds;

  StreamAddress address;
  TlsOptions tls = {};

  /// Of blocks not yet given away for good, each counted with Spool::kBlockOverheadBytes.
  std::uint64_t spool_bytes = 64U << 20;

  /// True: blocks are delimited LogEntries, and the peer is talked to as output.proto says. False:
  /// blocks are just bytes; what the peer says is read and thrown away.
  bool framed = false;

  /// Makes what each connection begins with, which counts as no block: a delimited LogEntry with
  /// the Hello when framed, with this `next_sequence`; what the format starts with when not. Called
  /// on the sink's thread. Empty: nothing.
  std::function<std::string(std::uint64_t next_sequence)> start = {};
  /// Makes the delimited LogEntry sent every `heartbeat_interval` when framed. Called on the sink's
  /// thread. Empty: one with a Heartbeat of its number, the time since Open and the interval.
  std::function<std::string()> heartbeat = {};
  /// Makes the bytes sent where blocks were refused because the spool was full; any thread. Empty:
  /// none are. Not for framed ones, whose sequences tell.
  std::function<std::string(std::uint64_t blocks, std::uint64_t bytes)> marker = {};

  WhenFull when_full = WhenFull::kDrop;

  /// Called on the sink's thread at the first connection, and when one holds again after a reported
  /// failure. Must not call Close; the same below.
  std::function<void()> on_connected = {};
  /// Called on the sink's thread at the first failure since the start or the last on_connected;
  /// the next try is `retry_delay` away.
  std::function<void(const Error& error, Milliseconds retry_delay)> on_failure = {};

  /// A collector that was heard from and is silent for more than three of them is taken to be gone.
  Milliseconds heartbeat_interval{15'000};
  /// How long blocks wait at the start of a framed connection for the Welcome of a peer of which it
  /// is not known whether it says any.
  Milliseconds welcome_patience{1'000};
  /// To look up, connect to all addresses of a host, and shake hands.
  Milliseconds connect_timeout{10'000};
  /// A connection that has lasted this long, or on which anything was acknowledged, holds.
  Milliseconds settle_time{1'000};
  /// Between tries, as in Backoff.
  Milliseconds backoff_first{100};
  Milliseconds backoff_limit{5'000};
  /// How long a lone block waits for company, so that a busy stream is written in batches.
  Milliseconds linger{5};
  /// How long Close goes on connecting, sending and waiting for acknowledgements.
  Milliseconds drain_deadline{2'000};
};

/// Sends blocks over a Unix domain socket, TCP or TLS, from a thread of its own through a bounded
/// spool, and connects again, for as long as it takes, when the connection is lost.
///
/// Blocks are numbered from 1 in the order of the pushes, refused ones too: whoever writes the
/// numbers into the blocks (LogEntry.sequence) pushes them in that order.
///
/// A peer that has ever said Welcome acknowledges. From then on a block leaves the spool when it is
/// acknowledged, and what was sent and not acknowledged is sent again on the next connection. With
/// any other peer a block is given away once it is wholly written to the connection; one that was
/// cut off in the middle is sent again, whole, and so is what is under way when the peer closes, be
/// it only its own side: nobody says what of it has come. So that nothing is given away to a peer
/// that would have acknowledged it, or that does not take this client, blocks wait at the start of
/// a framed connection for the Welcome, and at that of one over TLS 1.3, for `welcome_patience`.
class StreamSink final : public Sink {
 public:
  /// Starts to connect; that nobody answers is no failure. kUsage, kNotFound or kPrivilege when the
  /// address or the files of `options.tls` cannot be used.
  static Result<std::unique_ptr<StreamSink>> Open(StreamSinkOptions options);
  ~StreamSink() override;
  StreamSink(const StreamSink&) = delete;
  StreamSink& operator=(const StreamSink&) = delete;

  /// A block larger than the whole spool is taken when the spool is empty.
  [[nodiscard]] bool Push(std::string block) override;
  void Flush() override;
  /// Not from several threads at once.
  void Close() override;
  SinkStats stats() const override;

 private:
  class Impl;
  explicit StreamSink(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace tlscope
