// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/collector.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "processor/collector/agent_connection.h"
#include "processor/net/server/acceptor.h"
#include "processor/net/server/peer_name.h"
#include "processor/net/server/tls_context.h"
#include "processor/net/tls_stream.h"

namespace tlscope {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;
using std::chrono::milliseconds;

constexpr milliseconds kLongestTick{1000};

// Of peers and causes that have been told of; beyond, they are only counted.
constexpr std::size_t kMaxTold = 1024;

}  // namespace

class Collector::Impl final : public std::enable_shared_from_this<Impl>,
                              public AgentConnectionOwner {
 public:
  Impl(asio::io_context& io, EntryStore& store, CollectorOptions options,
       std::function<void()> on_closed)
      : io_(io),
        store_(store),
        options_(std::move(options)),
        on_closed_(std::move(on_closed)),
        env_{store_, options_.limits, options_.version,
             [this](const AgentSession& session, const v1::Hello& hello) {
               OnHello(session, hello);
             }},
        commit_(io),
        tick_(io),
        patience_(io),
        retry_(options_.limits.retry) {}

  Result<void> Start();
  void Close(milliseconds patience, std::function<void()> closed);
  void Stop();

  CollectorStats stats() const;
  std::vector<std::string> urls() const;

 private:
  struct Listener {
    ListenSocket socket;
    bool tls;
    std::unique_ptr<Acceptor<Protocol>> acceptor;
  };

  Result<void> Listen(const ListenTarget& target);
  void Take(ByteStream::Socket socket, const Listener& listener);
  std::shared_ptr<ByteStream> MakeStream(ByteStream::Socket socket, bool tls);
  void SendOff(int fd);
  void TellWhyNoneComes(const ListenSocket& socket, int error_number);
  void OnHello(const AgentSession& session, const v1::Hello& hello);

  std::shared_ptr<void> Hold() override { return shared_from_this(); }
  void OnAdded() override;
  void Post(std::function<void()> later) override { asio::post(io_, std::move(later)); }

  void CommitAfter(milliseconds delay);
  void Commit();
  void Tick();
  void Reap();
  void Tell(const std::string& about, const std::string& text);
  void FinishClose();

  asio::io_context& io_;
  EntryStore& store_;
  const CollectorOptions options_;
  std::function<void()> on_closed_;
  const AgentSessionEnv env_;
  std::optional<asio::ssl::context> tls_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::shared_ptr<AgentConnection>> connections_;
  asio::steady_timer commit_;
  asio::steady_timer tick_;
  asio::steady_timer patience_;
  milliseconds retry_;
  bool commit_scheduled_ = false;
  bool stuck_ = false;  // the last commit could not store all
  bool closing_ = false;
  bool stopped_ = false;
  std::set<std::string> told_;
  CollectorStats stats_;
  std::function<void()> closed_;
};

Result<void> Collector::Impl::Start() {
  for (const ListenTarget& target : options_.listen) {
    if (target.kind == ListenTarget::Kind::kTls && !tls_) {
      TLSCOPE_TRY(auto context, MakeServerContext(options_.tls));
      tls_.emplace(std::move(context));
    }
    TLSCOPE_TRY(Listen(target));
  }
  Tick();
  return {};
}

Result<void> Collector::Impl::Listen(const ListenTarget& target) {
  TLSCOPE_TRY(auto socket, ListenSocket::Open(target));
  auto listener = std::make_unique<Listener>(
      Listener{std::move(socket), target.kind == ListenTarget::Kind::kTls, nullptr});
  Acceptor<Protocol>::Handlers handlers;
  handlers.on_connection = [this, &on = *listener](ByteStream::Socket accepted) {
    Take(std::move(accepted), on);
  };
  handlers.on_failure = [this, &on = *listener](const error_code& error) {
    TellWhyNoneComes(on.socket, error.value());
  };
  TLSCOPE_TRY(listener->acceptor, Acceptor<Protocol>::Open(io_, listener->socket.fd(),
                                                           Protocol(listener->socket.family(), 0),
                                                           std::move(handlers)));
  listeners_.push_back(std::move(listener));
  return {};
}

void Collector::Impl::Take(ByteStream::Socket socket, const Listener& listener) {
  Reap();
  ++stats_.accepted;
  std::string peer = PeerName(socket.native_handle());
  if (connections_.size() >= options_.limits.clients) {
    ++stats_.refused[static_cast<std::size_t>(RefusalCause::kTooManyClients)];
    if (!listener.tls) SendOff(socket.native_handle());
    return Tell("clients", "closed a connection of " + peer + ": there are " +
                               std::to_string(options_.limits.clients) +
                               " already; raise --max-clients");
  }
  auto stream = MakeStream(std::move(socket), listener.tls);
  auto connection = std::make_shared<AgentConnection>(
      *this, env_, std::move(stream), std::move(peer), AgentConnection::Clock::now());
  connections_.push_back(connection);
  connection->Start();
}

std::shared_ptr<ByteStream> Collector::Impl::MakeStream(ByteStream::Socket socket, bool tls) {
  if (!tls) return MakePlainStream(std::move(socket));
  return std::make_shared<TlsStream>(std::move(socket), *tls_, TlsRole::kServer);
}

void Collector::Impl::TellWhyNoneComes(const ListenSocket& socket, int error_number) {
  const bool descriptors = error_number == EMFILE || error_number == ENFILE;
  const Error error{Errc::kSystem, error_number, "accept connections on " + socket.url(),
                    descriptors ? "raise the limit of open files, or lower --max-clients" : ""};
  Tell("accept " + std::to_string(error_number), error.Describe());
}

/// The socket of a new connection is empty, so that these few bytes fit.
void Collector::Impl::SendOff(int fd) {
  v1::CollectorMessage message;
  message.set_refused("the collector has as many connections as it takes");
  std::string bytes;
  AppendDelimited(message, bytes);
  send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// An agent that connects again has lost its connection, whatever this end of it thinks.
void Collector::Impl::OnHello(const AgentSession& session, const v1::Hello& hello) {
  for (const auto& connection : connections_) {
    const bool other = &connection->session() != &session;
    if (other && !connection->closed() && connection->session().stream() == session.stream()) {
      connection->Refuse(RefusalCause::kReplaced, "the same stream comes over another connection");
    }
  }
  if (hello.plaintext() || !store_.WantsPlaintext()) return;
  const std::string agent = AgentName(*session.stream()->agent);
  Tell("plaintext " + agent, "the agent " + agent +
                                 " sends no plaintext as it passed, so that pcapng has nothing of "
                                 "it: start it with --plaintext");
}

void Collector::Impl::OnAdded() {
  if (stuck_ || !store_.pending()) return;
  if (store_.full()) return CommitAfter(milliseconds{0});
  if (!commit_scheduled_) CommitAfter(options_.limits.linger);
}

void Collector::Impl::CommitAfter(milliseconds delay) {
  commit_scheduled_ = true;
  commit_.expires_after(delay);
  commit_.async_wait([self = shared_from_this()](error_code error) {
    if (!error && !self->stopped_) self->Commit();
  });
}

void Collector::Impl::Commit() {
  commit_scheduled_ = false;
  const StoreOutcome outcome = store_.Commit();
  stuck_ = outcome != StoreOutcome::kDone;
  for (const auto& connection : connections_) connection->OnCommitted();
  if (outcome == StoreOutcome::kAgain) {
    CommitAfter(retry_);
    retry_ = std::min(2 * retry_, options_.limits.longest_retry);
    return;
  }
  retry_ = options_.limits.retry;
  if (closing_) return FinishClose();
  if (outcome == StoreOutcome::kClosed && on_closed_) std::exchange(on_closed_, nullptr)();
}

void Collector::Impl::Tick() {
  const auto now = AgentConnection::Clock::now();
  for (std::size_t i = 0; i < connections_.size(); ++i) connections_[i]->Tick(now);
  Reap();
  if (closing_ && connections_.empty()) return;
  const CollectorLimits& limits = options_.limits;
  tick_.expires_after(std::min({kLongestTick, limits.hello_deadline / 2, limits.heartbeat / 2}));
  tick_.async_wait([self = shared_from_this()](error_code error) {
    if (!error && !self->stopped_) self->Tick();
  });
}

void Collector::Impl::Reap() {
  std::erase_if(connections_, [this](const auto& connection) {
    if (!connection->closed()) return false;
    if (const auto cause = connection->session().refusal()) {
      ++stats_.refused[static_cast<std::size_t>(*cause)];
      const std::string name(RefusalName(*cause));
      Tell(name + " " + connection->peer(), "closed a connection of " + connection->peer() + " (" +
                                                name + "): " + connection->session().why());
    }
    return true;
  });
}

void Collector::Impl::Tell(const std::string& about, const std::string& text) {
  if (told_.size() >= kMaxTold || !told_.insert(about).second) return;
  if (options_.on_notice) options_.on_notice(text);
}

void Collector::Impl::Close(milliseconds patience, std::function<void()> closed) {
  closing_ = true;
  closed_ = std::move(closed);
  listeners_.clear();
  patience_.expires_after(patience);
  patience_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->stopped_) return;
    for (const auto& connection : self->connections_) connection->Close();
    self->Reap();
    if (self->closed_) std::exchange(self->closed_, nullptr)();
  });
  CommitAfter(milliseconds{0});
}

/// All is stored.
void Collector::Impl::FinishClose() {
  for (const auto& connection : connections_) connection->Finish();
  Reap();
  if (connections_.empty()) {
    patience_.cancel();
    if (closed_) std::exchange(closed_, nullptr)();
    return;
  }
  // They close when their agents have read what there is to say; patience ends that, too.
  CommitAfter(milliseconds{10});
}

/// What has yet to be called finds everything that is borrowed let go of.
void Collector::Impl::Stop() {
  stopped_ = true;
  for (const auto& connection : connections_) connection->Close();
  listeners_.clear();
  connections_.clear();
  commit_.cancel();
  tick_.cancel();
  patience_.cancel();
}

CollectorStats Collector::Impl::stats() const {
  CollectorStats stats = stats_;
  for (const auto& connection : connections_) {
    if (const auto cause = connection->session().refusal()) {
      ++stats.refused[static_cast<std::size_t>(*cause)];
    } else if (!connection->closed()) {
      ++stats.clients;
    }
  }
  return stats;
}

std::vector<std::string> Collector::Impl::urls() const {
  std::vector<std::string> urls;
  for (const auto& listener : listeners_) urls.push_back(listener->socket.url());
  return urls;
}

Result<std::unique_ptr<Collector>> Collector::Open(asio::io_context& io, EntryStore& store,
                                                   CollectorOptions options,
                                                   std::function<void()> on_closed) {
  auto impl = std::make_shared<Impl>(io, store, std::move(options), std::move(on_closed));
  if (Result<void> started = impl->Start(); !started) {
    impl->Stop();
    return tl::make_unexpected(std::move(started.error()));
  }
  return std::unique_ptr<Collector>(new Collector(std::move(impl)));
}

Collector::~Collector() { impl_->Stop(); }

void Collector::Close(milliseconds patience, std::function<void()> closed) {
  impl_->Close(patience, std::move(closed));
}

CollectorStats Collector::stats() const { return impl_->stats(); }

std::vector<std::string> Collector::urls() const { return impl_->urls(); }

}  // namespace tlscope
