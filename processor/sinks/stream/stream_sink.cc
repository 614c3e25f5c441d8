// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/stream/stream_sink.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include "processor/base/backoff.h"
#include "processor/base/thread_signals.h"
#include "processor/net/connector.h"
#include "processor/net/tls_client.h"
#include "processor/sinks/stream/spool.h"
#include "processor/sinks/stream/stream_connection.h"
#include "processor/wire/delimited.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

/// Makes the heartbeats of one sink.
class Heartbeats {
 public:
  explicit Heartbeats(std::chrono::milliseconds interval) : interval_(interval) {}

  std::string Next() {
    v1::LogEntry entry;
    entry.set_log_type(v1::LOG_TYPE_HEARTBEAT);
    v1::Heartbeat& heartbeat = *entry.mutable_heartbeat_payload();
    heartbeat.set_beat(++beat_);
    const std::chrono::nanoseconds uptime = Clock::now() - start_;
    heartbeat.set_uptime_ns(static_cast<std::uint64_t>(uptime.count()));
    heartbeat.set_interval_ms(static_cast<std::uint64_t>(interval_.count()));
    std::string bytes;
    AppendDelimited(entry, bytes);
    return bytes;
  }

 private:
  const std::chrono::milliseconds interval_;
  const Clock::time_point start_ = Clock::now();
  std::uint64_t beat_ = 0;
};

}  // namespace

/// Connects, and again when the connection is lost, until it is closed.
class StreamSink::Impl {
 public:
  Impl(StreamSinkOptions options, std::unique_ptr<TlsClient> tls);
  ~Impl() { Close(); }

  bool Push(std::string block);
  void Flush() { spool_.AwaitEmpty(); }
  void Close();
  SinkStats stats() const;

 private:
  // On the sink's thread.
  void Run();
  void Connect();
  void OnConnected(std::shared_ptr<ByteStream> transport);
  void OnSettled();
  void OnEnd(std::optional<Error> error);
  void OnFailure(const Error& error);
  void Finish();
  void GiveUp();
  void Done();

  const StreamSinkOptions options_;
  const std::unique_ptr<TlsClient> tls_;
  Spool spool_;
  std::atomic<std::uint64_t> connects_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<bool> connected_ = false;

  // The sink's thread's own.
  Backoff backoff_;
  Heartbeats heartbeats_;
  bool failure_reported_ = false;
  bool finishing_ = false;
  bool done_ = false;

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer retry_timer_;
  asio::steady_timer drain_timer_;
  std::shared_ptr<Connector> connector_;
  std::shared_ptr<StreamConnection> connection_;
  std::jthread thread_;  // last: it is joined before anything it uses goes
};

StreamSink::Impl::Impl(StreamSinkOptions options, std::unique_ptr<TlsClient> tls)
    : options_(std::move(options)),
      tls_(std::move(tls)),
      spool_({.bytes = options_.spool_bytes,
              .marker = options_.marker,
              .when_full = options_.when_full}),
      backoff_(std::random_device{}(), options_.backoff_first, options_.backoff_limit),
      heartbeats_(options_.heartbeat_interval),
      work_(context_.get_executor()),
      retry_timer_(context_),
      drain_timer_(context_),
      thread_([this] { Run(); }) {}

bool StreamSink::Impl::Push(std::string block) {
  const Spool::Pushed pushed = spool_.Push(std::move(block));
  if (pushed == Spool::Pushed::kTakenWake) {
    asio::post(context_, [this] {
      if (connection_) connection_->OnBlocks();
    });
  }
  return pushed != Spool::Pushed::kRefused;
}

void StreamSink::Impl::Close() {
  if (!thread_.joinable()) return;
  spool_.Close();
  asio::post(context_, [this] { Finish(); });
  thread_.join();
}

SinkStats StreamSink::Impl::stats() const {
  SinkStats stats = spool_.stats();
  stats.connects = connects_;
  stats.connect_failures = failures_;
  stats.connections = connected_ ? 1 : 0;
  return stats;
}

void StreamSink::Impl::Run() {
  BlockSignalsOnThisThread();
  asio::post(context_, [this] { Connect(); });
  context_.run();
  // Nothing that was begun is under way any longer, so that nobody reads the blocks.
  connection_.reset();
  connector_.reset();
  spool_.DropAll();
}

void StreamSink::Impl::Connect() {
  // The timer may have been on its way here when it was cancelled.
  if (done_) return;
  connector_ =
      std::make_shared<Connector>(context_, options_.address, tls_.get(), options_.connect_timeout);
  connector_->Start([this](Result<std::shared_ptr<ByteStream>> transport) {
    if (transport) return OnConnected(std::move(*transport));
    OnFailure(transport.error());
  });
}

void StreamSink::Impl::OnConnected(std::shared_ptr<ByteStream> transport) {
  connector_.reset();
  connected_ = true;
  if (++connects_ == 1 && !failure_reported_ && options_.on_connected) options_.on_connected();
  StreamConnection::Handlers handlers;
  handlers.on_settled = [this] { OnSettled(); };
  handlers.on_end = [this](std::optional<Error> error) { OnEnd(std::move(error)); };
  handlers.heartbeat = [this] {
    return options_.heartbeat ? options_.heartbeat() : heartbeats_.Next();
  };
  connection_ = std::make_shared<StreamConnection>(context_, std::move(transport), options_, spool_,
                                                   std::move(handlers));
  connection_->Start();
  if (finishing_ && connection_) connection_->Finish();
}

void StreamSink::Impl::OnSettled() {
  backoff_.Reset();
  if (std::exchange(failure_reported_, false) && options_.on_connected) options_.on_connected();
}

void StreamSink::Impl::OnEnd(std::optional<Error> error) {
  connection_.reset();
  connected_ = false;
  if (!error) return Done();
  OnFailure(*error);
}

void StreamSink::Impl::OnFailure(const Error& error) {
  connector_.reset();
  ++failures_;
  const std::chrono::milliseconds delay = backoff_.Next();
  if (!std::exchange(failure_reported_, true) && options_.on_failure)
    options_.on_failure(error, delay);
  if (finishing_ && spool_.Empty()) return Done();
  retry_timer_.expires_after(delay);
  retry_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) Connect();
  });
}

/// The last blocks are in the spool.
void StreamSink::Impl::Finish() {
  finishing_ = true;
  drain_timer_.expires_after(options_.drain_deadline);
  drain_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) GiveUp();
  });
  if (connection_) return connection_->Finish();
  if (spool_.Empty()) return GiveUp();
  // The pause before the next try may be longer than what is left.
  if (retry_timer_.cancel() > 0) Connect();
}

void StreamSink::Impl::GiveUp() {
  if (connector_) connector_->Cancel();
  if (connection_) connection_->Abort();
  Done();
}

void StreamSink::Impl::Done() {
  done_ = true;
  connected_ = false;
  retry_timer_.cancel();
  drain_timer_.cancel();
  work_.reset();
}

Result<std::unique_ptr<StreamSink>> StreamSink::Open(StreamSinkOptions options) {
  std::unique_ptr<TlsClient> tls;
  if (options.address.kind == StreamAddress::Kind::kTls) {
    TLSCOPE_TRY(tls, TlsClient::Open(options.tls, options.address.host));
  }
  try {
    return std::unique_ptr<StreamSink>(
        new StreamSink(std::make_unique<Impl>(std::move(options), std::move(tls))));
  } catch (const std::system_error& error) {
    return Fail(Errc::kSystem, error.code().value(), "start the thread that sends");
  }
}

StreamSink::StreamSink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StreamSink::~StreamSink() = default;

bool StreamSink::Push(std::string block) { return impl_->Push(std::move(block)); }

void StreamSink::Flush() { impl_->Flush(); }

void StreamSink::Close() { impl_->Close(); }

SinkStats StreamSink::stats() const { return impl_->stats(); }

}  // namespace tlscope
