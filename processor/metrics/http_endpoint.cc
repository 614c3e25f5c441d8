// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/http_endpoint.h"

#include <fcntl.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <list>
#include <optional>
#include <string_view>
#include <utility>

#include "processor/net/listen_address.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// What other servers grant a request's header at most is of this order; ours take no cookies.
constexpr std::size_t kHeaderLimitBytes = 8U << 10;

// How much of what follows the last answer is read away, so that closing does not reset the
// connection before the peer has read that answer.
constexpr std::size_t kLingerLimitBytes = 256U << 10;

// Out of descriptors, a connection stays in the queue and accepting it fails at once, again and
// again.
constexpr std::chrono::milliseconds kAcceptRetry{100};

constexpr unsigned kHttp11 = 11;  // as Beast writes it

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

/// No program that this one might start is to inherit a connection.
void CloseOnExec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }

/// The answer to what could not be read as a request.
HttpReply ReplyToError(const error_code& error) {
  if (error == http::error::header_limit) {
    return {.status = 431, .body = "the header is longer than 8 KiB\n"};
  }
  if (error == http::error::body_limit) {
    return {.status = 413, .body = "a request has no body here\n"};
  }
  return {.status = 400, .body = "this is not an HTTP/1 request\n"};
}

}  // namespace

class HttpEndpoint::Server : public std::enable_shared_from_this<Server> {
 public:
  Server(asio::io_context& context, Handlers handlers, Limits limits)
      : handlers_(std::move(handlers)), limits_(limits), acceptor_(context), retry_(context) {}

  error_code Listen(const tcp::endpoint& address);
  void Accept();
  void Close();

  std::uint16_t port() const { return port_; }
  const HttpEndpointStats& stats() const { return stats_; }

 private:
  class Session;
  using Sessions = std::list<std::shared_ptr<Session>>;

  void OnAccept(const error_code& error, tcp::socket socket);
  void Remove(Sessions::iterator session);

  const Handlers handlers_;
  const Limits limits_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::uint16_t port_ = 0;
  HttpEndpointStats stats_;
  Sessions sessions_;  // in front the one whose step began first
};

/// One connection: reads a request, writes its answer, and again.
class HttpEndpoint::Server::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Server> server, tcp::socket socket)
      : server_(std::move(server)), stream_(std::move(socket)), buffer_(kHeaderLimitBytes) {}

  /// `place` is where the server's list holds it.
  void Start(Sessions::iterator place) {
    place_ = place;
    Read();
  }

  /// What is under way ends without effect.
  void Close() {
    ended_ = true;
    stream_.close();
  }

 private:
  void Read();
  void Parse();
  void Receive(std::size_t most_bytes);
  void OnReceived(const error_code& error, std::size_t bytes);
  void Reject(HttpReply reply);
  void Write(HttpReply reply, unsigned version, bool keep_alive, bool with_body);
  void OnWrite(const error_code& error);
  void Linger();
  void Drain();
  void BeginStep();
  void End();

  const std::shared_ptr<Server> server_;
  beast::tcp_stream stream_;
  Sessions::iterator place_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::size_t header_bytes_ = 0;  // parsed of the request that is being read
  http::response<http::string_body> response_;
  std::array<char, 4096> discarded_;
  std::size_t lingered_bytes_ = 0;
  bool answered_ = false;  // a request of it
  bool ended_ = false;
};

error_code HttpEndpoint::Server::Listen(const tcp::endpoint& address) {
  error_code error;
  acceptor_.open(address.protocol(), error);
  if (!error) CloseOnExec(acceptor_.native_handle());
  // Else the connections of an agent that has just ended would keep the port for a minute.
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(address, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  return error;
}

void HttpEndpoint::Server::Accept() {
  acceptor_.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
    self->OnAccept(error, std::move(socket));
  });
}

void HttpEndpoint::Server::OnAccept(const error_code& error, tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (error) {
    ++stats_.accept_failures;
    retry_.expires_after(kAcceptRetry);
    retry_.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled && self->acceptor_.is_open()) self->Accept();
    });
    return;
  }
  CloseOnExec(socket.native_handle());
  if (sessions_.size() >= limits_.connections) {
    ++stats_.displaced;
    sessions_.front()->Close();
    Remove(sessions_.begin());
  }
  sessions_.push_back(std::make_shared<Session>(shared_from_this(), std::move(socket)));
  ++stats_.connections;
  sessions_.back()->Start(std::prev(sessions_.end()));
  Accept();
}

void HttpEndpoint::Server::Remove(Sessions::iterator session) {
  sessions_.erase(session);
  --stats_.connections;
}

void HttpEndpoint::Server::Close() {
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  for (const auto& session : sessions_) session->Close();
  sessions_.clear();
}

void HttpEndpoint::Server::Session::BeginStep() {
  stream_.expires_after(server_->limits_.deadline);
  Sessions& sessions = server_->sessions_;
  sessions.splice(sessions.end(), sessions, place_);
}

void HttpEndpoint::Server::Session::Read() {
  parser_.emplace();
  parser_->header_limit(kHeaderLimitBytes);
  header_bytes_ = 0;
  BeginStep();
  Parse();
}

/// Beast's own reading counts only the header's last part against the limit.
void HttpEndpoint::Server::Session::Parse() {
  error_code error;
  const std::size_t parsed = parser_->put(buffer_.data(), error);
  buffer_.consume(parsed);
  header_bytes_ += parsed;
  if (error == http::error::need_more) {
    const std::size_t held = header_bytes_ + buffer_.size();
    if (held < kHeaderLimitBytes) return Receive(kHeaderLimitBytes - held);
    error = http::error::header_limit;
  }
  if (!error && !parser_->is_done()) error = http::error::body_limit;
  if (error) return Reject(ReplyToError(error));
  const auto& request = parser_->get();
  Write(ReplyTo(View(request.method_string()), View(request.target()), server_->handlers_),
        request.version(), request.keep_alive(), request.method() != http::verb::head);
}

void HttpEndpoint::Server::Session::Receive(std::size_t most_bytes) {
  stream_.async_read_some(buffer_.prepare(most_bytes),
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            self->OnReceived(error, bytes);
                          });
}

void HttpEndpoint::Server::Session::OnReceived(const error_code& error, std::size_t bytes) {
  if (ended_) return;
  if (error) {
    const bool idle = answered_ && header_bytes_ + buffer_.size() == 0;
    if (error == beast::error::timeout && !idle) ++server_->stats_.timed_out;
    return End();
  }
  buffer_.commit(bytes);
  Parse();
}

/// Where the next request would begin is not known: the connection ends with the answer.
void HttpEndpoint::Server::Session::Reject(HttpReply reply) {
  ++server_->stats_.malformed;
  Write(std::move(reply), kHttp11, false, true);
}

void HttpEndpoint::Server::Session::Write(HttpReply reply, unsigned version, bool keep_alive,
                                          bool with_body) {
  response_ = {};
  response_.result(reply.status);
  response_.version(version);  // one of 1.0 has to be told that the connection stays
  response_.set(http::field::content_type,
                beast::string_view(reply.content_type.data(), reply.content_type.size()));
  if (!reply.allow.empty()) {
    response_.set(http::field::allow, beast::string_view(reply.allow.data(), reply.allow.size()));
  }
  response_.keep_alive(keep_alive);
  response_.content_length(reply.body.size());
  if (with_body) response_.body() = std::move(reply.body);
  BeginStep();
  http::async_write(
      stream_, response_,
      [self = shared_from_this()](const error_code& error, std::size_t) { self->OnWrite(error); });
}

void HttpEndpoint::Server::Session::OnWrite(const error_code& error) {
  if (ended_) return;
  if (error) {
    if (error == beast::error::timeout) ++server_->stats_.timed_out;
    return End();
  }
  ++server_->stats_.requests;
  answered_ = true;
  response_.keep_alive() ? Read() : Linger();
}

void HttpEndpoint::Server::Session::Linger() {
  error_code error;
  stream_.socket().shutdown(tcp::socket::shutdown_send, error);
  if (error) return End();
  BeginStep();
  Drain();
}

void HttpEndpoint::Server::Session::Drain() {
  stream_.async_read_some(asio::buffer(discarded_),
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            if (self->ended_) return;
                            self->lingered_bytes_ += bytes;
                            const bool more = self->lingered_bytes_ < kLingerLimitBytes;
                            !error&& more ? self->Drain() : self->End();
                          });
}

void HttpEndpoint::Server::Session::End() {
  Close();
  server_->Remove(place_);
}

Result<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Open(asio::io_context& context,
                                                         const std::string& address_and_port,
                                                         Handlers handlers, Limits limits) {
  const auto address = ParseListenAddress(address_and_port);
  if (!address) return tl::make_unexpected(address.error());
  auto server = std::make_shared<Server>(context, std::move(handlers), limits);
  if (const error_code error = server->Listen(*address)) {
    return tl::make_unexpected(ListenError(address_and_port, error));
  }
  server->Accept();
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(server)));
}

HttpEndpoint::HttpEndpoint(std::shared_ptr<Server> server) : server_(std::move(server)) {}

HttpEndpoint::~HttpEndpoint() { server_->Close(); }

std::uint16_t HttpEndpoint::port() const { return server_->port(); }

const HttpEndpointStats& HttpEndpoint::stats() const { return server_->stats(); }

}  // namespace tlscope
