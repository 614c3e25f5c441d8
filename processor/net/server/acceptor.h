// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "processor/base/result.h"

namespace tlscope {

/// Accepts connections on a socket that listens, one after another, for as long as it lives. When
/// the system has none to hand over, because descriptors or memory run out, the connection stays in
/// the socket's queue: the acceptor tells of it, pauses and tries again. `Protocol`: Asio's. On the
/// thread that runs the io_context.
template <class Protocol>
class Acceptor {
 public:
  using Socket = typename Protocol::socket;

  struct Handlers {
    /// Programs that this one starts do not inherit the socket.
    std::function<void(Socket socket)> on_connection;
    /// Why none came, each time it is tried; may be empty.
    std::function<void(const boost::system::error_code& error)> on_failure = {};
  };

  /// Long enough to burn no core on a failure that lasts, short enough for nobody to notice.
  static constexpr std::chrono::milliseconds kPause{100};

  /// `listening` stays its owner's: the acceptor has a duplicate. `io` outlives it. Fails when
  /// there is no descriptor left.
  static Result<std::unique_ptr<Acceptor>> Open(boost::asio::io_context& io, int listening,
                                                const Protocol& protocol, Handlers handlers,
                                                std::chrono::milliseconds pause = kPause) {
    const int duplicate = fcntl(listening, F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) return Fail(Errc::kSystem, errno, "accept connections");
    auto state = std::make_shared<State>(io, std::move(handlers), pause);
    boost::system::error_code error;
    state->acceptor.assign(protocol, duplicate, error);
    if (error) {
      close(duplicate);
      return Fail(Errc::kSystem, error.value(), "accept connections");
    }
    Accept(state);
    return std::unique_ptr<Acceptor>(new Acceptor(std::move(state)));
  }

  /// No handler is called any more. One of them may do this.
  ~Acceptor() {
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    state_->pause_timer.cancel();
  }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  /// What Asio's handlers hold until they have been called.
  struct State {
    State(boost::asio::io_context& io, Handlers its_handlers, std::chrono::milliseconds its_pause)
        : handlers(std::move(its_handlers)), pause(its_pause), acceptor(io), pause_timer(io) {}

    bool closed() const { return !acceptor.is_open(); }

    const Handlers handlers;
    const std::chrono::milliseconds pause;
    boost::asio::basic_socket_acceptor<Protocol> acceptor;
    boost::asio::steady_timer pause_timer;
  };

  explicit Acceptor(std::shared_ptr<State> state) : state_(std::move(state)) {}

  static void Accept(const std::shared_ptr<State>& state) {
    state->acceptor.async_accept([state](const boost::system::error_code& error, Socket socket) {
      if (state->closed()) return;
      if (error) return Pause(state, error);
      fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      state->handlers.on_connection(std::move(socket));
      if (!state->closed()) Accept(state);
    });
  }

  static void Pause(const std::shared_ptr<State>& state, const boost::system::error_code& error) {
    if (state->handlers.on_failure) state->handlers.on_failure(error);
    if (state->closed()) return;
    state->pause_timer.expires_after(state->pause);
    state->pause_timer.async_wait([state](const boost::system::error_code&) {
      if (!state->closed()) Accept(state);
    });
  }

  const std::shared_ptr<State> state_;
};

}  // namespace tlscope
