// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/broker.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "processor/base/clock.h"
#include "processor/ipc/broker_connection.h"
#include "processor/net/server/acceptor.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::nanoseconds;
using Protocol = asio::local::stream_protocol;

// A timer that is far off is set again: its clock and the wall's drift apart.
constexpr nanoseconds kLongestWait = std::chrono::minutes(1);

}  // namespace

class Broker::Impl final : public std::enable_shared_from_this<Impl>, public ConnectionOwner {
 public:
  Impl(asio::io_context& io, EventBus& bus, BrokerOptions options, CommandHandler on_command,
       AccessPolicy policy, AgentSocket socket)
      : io_(io),
        bus_(bus),
        options_(std::move(options)),
        on_command_(std::move(on_command)),
        policy_(std::move(policy)),
        socket_(std::move(socket)),
        waiter_(std::in_place, bus),
        published_(io),
        next_end_(io),
        patience_(io) {
    welcome_.set_protocol(1);
    welcome_.set_version(options_.version);
    welcome_.set_instance(options_.instance.name);
    welcome_.set_pid(static_cast<std::uint32_t>(getpid()));
    welcome_.set_max_message_bytes(static_cast<std::uint32_t>(options_.limits.message_bytes));
  }

  Result<void> Start();
  void Close(std::chrono::milliseconds patience, std::function<void()> closed);
  void Stop();

  BrokerStats stats() const;
  const std::string& path() const { return socket_.path(); }

 private:
  void Welcome(Protocol::socket client);
  bool HasRoomFor(Role role) const;
  void Refuse(Protocol::socket& client);

  std::shared_ptr<void> Hold() override { return shared_from_this(); }
  void SchedulePump() override;
  void Pump();
  bool TakeEvents();
  void AwaitBus();
  void AwaitNextEnd();
  void Reap();
  void FinishClose();

  asio::io_context& io_;
  EventBus& bus_;
  const BrokerOptions options_;
  const CommandHandler on_command_;
  const AccessPolicy policy_;
  AgentSocket socket_;
  v1::Welcome welcome_;
  std::optional<BusWaiter> waiter_;               // until the broker is gone
  std::unique_ptr<Acceptor<Protocol>> acceptor_;  // until it takes no more clients
  asio::posix::stream_descriptor published_;      // the waiter's
  asio::steady_timer next_end_;                   // of a subscription
  asio::steady_timer patience_;
  std::vector<std::shared_ptr<BrokerConnection>> connections_;
  std::int64_t taken_unix_ns_ = 0;  // when events were last looked for
  std::uint64_t refused_ = 0;
  std::uint64_t lost_ = 0;  // of clients that are gone
  bool pump_scheduled_ = false;
  bool awaiting_bus_ = false;
  bool closing_ = false;
  bool stopped_ = false;
  std::function<void()> closed_;
};

Result<void> Broker::Impl::Start() {
  const int published = fcntl(waiter_->fd(), F_DUPFD_CLOEXEC, 0);
  if (published < 0) return Fail(Errc::kSystem, errno, "listen to the event bus");
  published_.assign(published);
  TLSCOPE_TRY(acceptor_, Acceptor<Protocol>::Open(
                             io_, socket_.fd(), Protocol(),
                             {[this](Protocol::socket client) { Welcome(std::move(client)); }}));
  bus_.StartRecording();
  return {};
}

void Broker::Impl::Welcome(Protocol::socket client) {
  Reap();
  Result<Peer> peer = PeerOf(client.native_handle());
  if (!peer) {
    ++refused_;
    return;
  }
  if (!HasRoomFor(RoleOf(*peer, policy_))) return Refuse(client);
  const SessionEnv env{bus_, policy_, options_.limits, on_command_};
  auto session = std::make_unique<BrokerSession>(env, std::move(*peer), welcome_);
  connections_.push_back(std::make_shared<BrokerConnection>(*this, std::move(client),
                                                            std::move(session), options_.limits));
  connections_.back()->Start();
}

bool Broker::Impl::HasRoomFor(Role role) const {
  const BrokerLimits& limits = options_.limits;
  const std::size_t reserved = role == Role::kOwner ? 0 : limits.reserved_clients;
  return connections_.size() + reserved < limits.clients;
}

/// A client's socket is empty, so that these few bytes fit.
void Broker::Impl::Refuse(Protocol::socket& client) {
  ++refused_;
  v1::ServerMessage message;
  message.mutable_error()->set_code(v1::Error::LIMIT);
  message.mutable_error()->set_text("the agent has as many clients as it takes; end one of them");
  std::string bytes;
  AppendDelimited(message, bytes);
  send(client.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Broker::Impl::SchedulePump() {
  if (pump_scheduled_ || stopped_) return;
  pump_scheduled_ = true;
  asio::post(io_, [self = shared_from_this()] {
    self->pump_scheduled_ = false;
    if (!self->stopped_) self->Pump();
  });
}

/// Hands events on for as long as there are some, and asks to be woken only then: a publisher in
/// full swing need not wake anybody.
void Broker::Impl::Pump() {
  Reap();
  if (TakeEvents()) return SchedulePump();
  TopicSet topics = 0;
  for (const auto& connection : connections_) topics |= connection->topics_awaited();
  waiter_->Arm(topics);
  if (TakeEvents()) return SchedulePump();
  AwaitNextEnd();
  if (closing_) return FinishClose();
  AwaitBus();
}

bool Broker::Impl::TakeEvents() {
  taken_unix_ns_ = UnixNs();
  bool any = false;
  for (const auto& connection : connections_) any |= connection->TakeEvents(taken_unix_ns_);
  return any;
}

void Broker::Impl::AwaitBus() {
  if (std::exchange(awaiting_bus_, true)) return;
  published_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](error_code error) {
                          self->awaiting_bus_ = false;
                          if (error || self->stopped_) return;
                          self->waiter_->Clear();
                          self->SchedulePump();
                        });
}

/// Subscriptions whose time is over are ended even if nothing is published.
void Broker::Impl::AwaitNextEnd() {
  std::int64_t first = 0;
  for (const auto& connection : connections_) {
    const std::int64_t end = connection->session().first_end_unix_ns();
    if (end != 0 && (first == 0 || end < first)) first = end;
  }
  if (first == 0) return;
  // One more than its end: then it is over. What is over and not ended waits for its reader.
  const nanoseconds left(first - taken_unix_ns_ + 1);
  if (left <= nanoseconds::zero()) return;
  next_end_.expires_after(std::min(left, kLongestWait));
  next_end_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->SchedulePump();
  });
}

void Broker::Impl::Reap() {
  std::erase_if(connections_, [this](const auto& connection) {
    if (!connection->closed()) return false;
    lost_ += connection->session().lost_events();
    return true;
  });
}

void Broker::Impl::Close(std::chrono::milliseconds patience, std::function<void()> closed) {
  closing_ = true;
  closed_ = std::move(closed);
  acceptor_.reset();
  socket_.Remove();
  patience_.expires_after(patience);
  patience_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->stopped_) return;
    for (const auto& connection : self->connections_) connection->Close();
    self->SchedulePump();
  });
  SchedulePump();
}

/// Nothing is left to be taken from the bus.
void Broker::Impl::FinishClose() {
  for (const auto& connection : connections_) connection->CloseIfIdle();
  Reap();
  if (!connections_.empty()) return;  // each of them schedules a pump when it has sent something
  patience_.cancel();
  if (closed_) std::exchange(closed_, nullptr)();
}

/// What has yet to be called finds everything that is borrowed let go of.
void Broker::Impl::Stop() {
  stopped_ = true;
  for (const auto& connection : connections_) connection->Close();
  Reap();
  acceptor_.reset();
  error_code ignored;
  published_.close(ignored);
  waiter_.reset();
  next_end_.cancel();
  patience_.cancel();
  socket_.Remove();
}

BrokerStats Broker::Impl::stats() const {
  BrokerStats stats;
  stats.refused_clients = refused_;
  stats.lost_events = lost_;
  for (const auto& connection : connections_) {
    stats.lost_events += connection->session().lost_events();
    if (connection->closed()) continue;
    ++stats.clients;
    stats.subscriptions += static_cast<std::uint32_t>(connection->session().subscriptions());
  }
  return stats;
}

Result<std::unique_ptr<Broker>> Broker::Open(asio::io_context& io, EventBus& bus,
                                             BrokerOptions options, CommandHandler on_command) {
  AccessPolicy policy{.owner = geteuid()};
  if (!options.group.empty()) {
    TLSCOPE_TRY(policy.group, FindGroup(options.group));
  }
  TLSCOPE_TRY(AgentSocket socket,
              AgentSocket::Open({options.instance, policy.group, options.is_public}));
  auto impl = std::make_shared<Impl>(io, bus, std::move(options), std::move(on_command),
                                     std::move(policy), std::move(socket));
  if (Result<void> started = impl->Start(); !started) {
    impl->Stop();
    return tl::make_unexpected(started.error());
  }
  return std::unique_ptr<Broker>(new Broker(std::move(impl)));
}

Broker::~Broker() { impl_->Stop(); }

void Broker::Close(std::chrono::milliseconds patience, std::function<void()> closed) {
  impl_->Close(patience, std::move(closed));
}

BrokerStats Broker::stats() const { return impl_->stats(); }

const std::string& Broker::path() const { return impl_->path(); }

}  // namespace tlscope
