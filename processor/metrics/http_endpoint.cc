// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/http_endpoint.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
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

#include "processor/net/server/acceptor.h"
#include "processor/net/server/listen_socket.h"

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

constexpr unsigned kHttp11 = 11;  // as Beast writes it

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

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
      : context_(context), handlers_(std::move(handlers)), limits_(limits) {}

  Result<void> Listen(const std::string& address_and_port);
  void Close();

  std::uint16_t port() const { return socket_->port(); }
  const HttpEndpointStats& stats() const { return stats_; }

 private:
  class Session;
  using Sessions = std::list<std::shared_ptr<Session>>;

  void OnConnection(tcp::socket socket);
  void Remove(Sessions::iterator session);

  asio::io_context& context_;
  const Handlers handlers_;
  const Limits limits_;
  std::optional<ListenSocket> socket_;
  std::unique_ptr<Acceptor<tcp>> acceptor_;
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

Result<void> HttpEndpoint::Server::Listen(const std::string& address_and_port) {
  TLSCOPE_TRY(auto socket, ListenSocket::Open({ListenTarget::Kind::kTcp, address_and_port,
                                               "tcp://" + address_and_port}));
  socket_.emplace(std::move(socket));
  Acceptor<tcp>::Handlers handlers;
  handlers.on_connection = [this](tcp::socket accepted) { OnConnection(std::move(accepted)); };
  handlers.on_failure = [this](const error_code&) { ++stats_.accept_failures; };
  TLSCOPE_TRY(acceptor_, Acceptor<tcp>::Open(context_, socket_->fd(),
                                             socket_->family() == AF_INET ? tcp::v4() : tcp::v6(),
                                             std::move(handlers)));
  return {};
}

void HttpEndpoint::Server::OnConnection(tcp::socket socket) {
  if (sessions_.size() >= limits_.connections) {
    ++stats_.displaced;
    sessions_.front()->Close();
    Remove(sessions_.begin());
  }
  sessions_.push_back(std::make_shared<Session>(shared_from_this(), std::move(socket)));
  ++stats_.connections;
  sessions_.back()->Start(std::prev(sessions_.end()));
}

void HttpEndpoint::Server::Remove(Sessions::iterator session) {
  sessions_.erase(session);
  --stats_.connections;
}

void HttpEndpoint::Server::Close() {
  acceptor_.reset();
  socket_.reset();
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
  auto server = std::make_shared<Server>(context, std::move(handlers), limits);
  TLSCOPE_TRY(server->Listen(address_and_port));
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(server)));
}

HttpEndpoint::HttpEndpoint(std::shared_ptr<Server> server) : server_(std::move(server)) {}

HttpEndpoint::~HttpEndpoint() { server_->Close(); }

std::uint16_t HttpEndpoint::port() const { return server_->port(); }

const HttpEndpointStats& HttpEndpoint::stats() const { return server_->stats(); }

}  // namespace tlscope
