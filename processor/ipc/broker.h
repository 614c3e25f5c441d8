// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "processor/base/result.h"
#include "processor/bus/event_bus.h"
#include "processor/ipc/agent_socket.h"
#include "processor/ipc/broker_session.h"
#include "processor/ipc/ipc_limits.h"

namespace boost::asio {
class io_context;
}

namespace tlscope {

struct BrokerOptions {
  Instance instance = {};
  std::string version = {};  ///< of the agent, for the clients
  std::string group = {};    ///< its members may read restricted topics; empty: no group
  bool is_public = false;    ///< anybody may connect, and read public topics
  BrokerLimits limits = {};
};

/// Since the beginning, but for what is said to be of now.
struct BrokerStats {
  std::uint32_t clients = 0;        ///< now
  std::uint32_t subscriptions = 0;  ///< now
  std::uint64_t refused_clients = 0;
  std::uint64_t lost_events = 0;  ///< that clients were told they have missed
};

/// Lets other processes read the bus and command the agent over a Unix domain socket; README.md has
/// the protocol, the permissions and the limits. Works, and is called, on the one thread that runs
/// the io_context.
class Broker {
 public:
  /// Listens, and lets the bus keep history from now on. `io` and `bus` outlive the broker; the
  /// handler is called until Close, or the destructor, has returned.
  static Result<std::unique_ptr<Broker>> Open(boost::asio::io_context& io, EventBus& bus,
                                              BrokerOptions options, CommandHandler on_command);
  /// Sends nobody what is left.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Takes no more clients and lets those there are read what has been published, for as long as
  /// `patience`; then calls `closed` on the thread that runs the io_context. Once.
  void Close(std::chrono::milliseconds patience, std::function<void()> closed);

  BrokerStats stats() const;
  const std::string& path() const;

 private:
  class Impl;

  explicit Broker(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;  // shared with handlers that the io_context has yet to call
};

}  // namespace tlscope
