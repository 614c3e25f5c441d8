// SPDX-License-Identifier: Apache-2.0
#include "processor/net/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <utility>

#include "processor/net/tls_client.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

void SetOption(int fd, int level, int name, int value) {
  // A kernel that refuses one of these works all the same.
  setsockopt(fd, level, name, &value, sizeof value);
}

/// We gather writes ourselves; and a peer that vanished is to be noticed in about a minute even
/// when there is nothing to send.
void TuneTcp(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

Connector::Connector(asio::io_context& context, const StreamAddress& address, TlsClient* tls,
                     Milliseconds timeout)
    : context_(context),
      address_(address),
      tls_(tls),
      timeout_(timeout),
      timer_(context),
      socket_(context) {}

void Connector::Start(Handler handler) {
  handler_ = std::move(handler);
  deadline_ = Clock::now() + timeout_;
  if (address_.kind == StreamAddress::Kind::kUnix) {
    endpoints_.emplace_back(asio::local::stream_protocol::endpoint(address_.path));
    return TryNext();
  }
  error_code not_an_address;
  const auto literal = asio::ip::make_address(address_.host, not_an_address);
  if (!not_an_address) {
    endpoints_.emplace_back(asio::ip::tcp::endpoint(literal, address_.port));
    return TryNext();
  }
  StartTimer(timeout_);
  lookup_.emplace(
      context_, address_.host, address_.port,
      [this](Result<HostLookup::Endpoints> endpoints) { OnAddresses(std::move(endpoints)); });
}

void Connector::Cancel() {
  handler_ = nullptr;
  timer_.cancel();
  lookup_.reset();
  error_code ignored;
  socket_.close(ignored);
  if (stream_) stream_->Close();
}

void Connector::OnAddresses(Result<HostLookup::Endpoints> endpoints) {
  if (!endpoints) return End(tl::make_unexpected(endpoints.error()));
  endpoints_.assign(endpoints->begin(), endpoints->end());
  TryNext();
}

void Connector::TryNext() {
  timed_out_ = false;
  error_code ignored;
  socket_.close(ignored);
  const auto left = static_cast<Clock::rep>(endpoints_.size() - next_);
  StartTimer((deadline_ - Clock::now()) / left);
  socket_.async_connect(endpoints_[next_++], [self = shared_from_this()](const error_code& error) {
    self->OnConnected(error);
  });
}

void Connector::OnConnected(const error_code& error) {
  if (!handler_) return;
  if (error) {
    if (next_ < endpoints_.size()) return TryNext();
    const error_code cause = timed_out_ ? asio::error::timed_out : error;
    return End(tl::make_unexpected(ExplainSocketError("connect to " + address_.Url(), cause)));
  }
  if (address_.kind != StreamAddress::Kind::kUnix) TuneTcp(socket_.native_handle());
  stream_ = tls_ != nullptr ? tls_->Make(std::move(socket_)) : MakePlainStream(std::move(socket_));
  timed_out_ = false;
  StartTimer(timeout_);
  stream_->AsyncHandshake([self = shared_from_this(), stream = stream_](const error_code& result) {
    self->OnShaken(result);
  });
}

void Connector::OnShaken(const error_code& error) {
  if (!handler_) return;
  const std::string what = "connect to " + address_.Url();
  if (timed_out_) {
    return End(Fail(Errc::kSystem, ETIMEDOUT, what + ": shake hands",
                    "see that what listens there speaks TLS"));
  }
  if (error) return End(tl::make_unexpected(stream_->Explain(what, error)));
  End(std::move(stream_));
}

void Connector::StartTimer(std::chrono::nanoseconds patience) {
  timer_.expires_after(patience);
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    // One that was set anew while this was on its way here is another's.
    if (error || !self->handler_ || Clock::now() < self->timer_.expiry()) return;
    self->timed_out_ = true;
    if (self->lookup_ && self->endpoints_.empty()) {
      return self->End(Fail(Errc::kSystem, ETIMEDOUT,
                            "look up the host '" + self->address_.host + "'",
                            "see that a name server answers, or give an address"));
    }
    error_code ignored;
    self->socket_.close(ignored);
    if (self->stream_) self->stream_->Close();
  });
}

void Connector::End(Result<std::shared_ptr<ByteStream>> result) {
  timer_.cancel();
  lookup_.reset();
  if (!result && stream_) stream_->Close();
  const Handler handler = std::exchange(handler_, nullptr);
  handler(std::move(result));
}

}  // namespace tlscope
