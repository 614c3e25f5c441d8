// SPDX-License-Identifier: Apache-2.0
#include "agent/client/subscribe.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "agent/client/stdout_writer.h"
#include "agent/terminal/color.h"
#include "agent/this_process/stop_signal.h"
#include "processor/base/backoff.h"
#include "processor/base/clock.h"
#include "processor/bus/event_bus.h"
#include "processor/ipc/client.h"

namespace tlscope {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kSubscription = 1;

// What is written at once while more keeps coming.
constexpr std::size_t kWriteBytes = std::size_t{64} << 10;

// Losses are told of at once, but not again and again.
constexpr std::chrono::seconds kBetweenWarnings{1};

/// Says on standard error how many events were missed.
class MissedEvents {
 public:
  ~MissedEvents() { Say(); }

  void Add(std::uint64_t events) {
    untold_ += events;
    if (!told_ || Clock::now() >= *told_ + kBetweenWarnings) Say();
  }

 private:
  void Say() {
    if (untold_ == 0) return;
    spdlog::warn("{} events were missed: they came faster than they were read",
                 std::exchange(untold_, 0));
    told_ = Clock::now();
  }

  std::uint64_t untold_ = 0;
  std::optional<Clock::time_point> told_;
};

class Subscriber {
 public:
  Subscriber(const SubscribeCommand& command, const StopSignal& stop, StdoutWriter writer)
      : command_(command),
        stop_(stop),
        writer_(std::move(writer)),
        terminal_(isatty(STDOUT_FILENO) == 1),
        printer_(command.output, terminal_, WantsColor(terminal_)),
        backoff_(std::random_device{}()) {}

  Result<void> Run();

 private:
  enum class State : std::uint8_t { kGoingOn, kAgentGone, kOver };

  Result<IpcClient> Connect();
  Result<State> Follow(IpcClient& client);
  Result<State> Handle(const v1::ServerMessage& message);
  Result<State> Flush();
  Result<std::optional<IpcClient>> ConnectAgain();

  const SubscribeCommand& command_;
  const StopSignal& stop_;
  StdoutWriter writer_;
  const bool terminal_;
  EventPrinter printer_;
  Backoff backoff_;
  MissedEvents missed_;
  std::string output_;  // yet to be written
  std::uint64_t printed_ = 0;
  std::int64_t since_unix_ns_ = 0;  // when the agent was lost
};

Result<void> Subscriber::Run() {
  TLSCOPE_TRY(IpcClient first, Connect());
  std::optional<IpcClient> client = std::move(first);
  while (client) {
    TLSCOPE_TRY(const State state, Follow(*client));
    if (state == State::kOver) return {};
    if (!command_.reconnect) {
      spdlog::info("the agent '{}' has ended", command_.instance.name);
      return {};
    }
    TLSCOPE_TRY(client, ConnectAgain());
  }
  return {};
}

Result<IpcClient> Subscriber::Connect() {
  TLSCOPE_TRY(IpcClient client, IpcClient::Connect({.instance = command_.instance}));
  v1::Subscribe wish = command_.wish;
  if (since_unix_ns_ != 0) {
    // What the new agent has said before we came.
    wish.set_history(EventBus::kHistory);
    v1::EventFilter& filter = *wish.mutable_filter();
    filter.set_since_unix_ns(std::max(filter.since_unix_ns(), since_unix_ns_));
  }
  TLSCOPE_TRY(client.Subscribe(kSubscription, wish));
  client.InterruptBy(stop_.signal_fd());
  return client;
}

/// Writes what comes, until it is over.
Result<Subscriber::State> Subscriber::Follow(IpcClient& client) {
  Result<State> state = State::kGoingOn;
  while (state && *state == State::kGoingOn) {
    // Only when there is nothing to read is there time to write little.
    Result<const v1::ServerMessage*> message = client.Next(IpcClient::Milliseconds{0});
    if (message && *message == nullptr) {
      state = Flush();
      if (!state || *state != State::kGoingOn) break;
      message = client.Next({});
      if (message && *message == nullptr) return State::kOver;  // a signal
    }
    if (message) {
      state = Handle(**message);
    } else if (message.error().code == Errc::kNotFound) {
      state = Flush();
      if (state && *state == State::kGoingOn) state = State::kAgentGone;
    } else {
      return tl::make_unexpected(message.error());
    }
  }
  return state;
}

Result<Subscriber::State> Subscriber::Handle(const v1::ServerMessage& message) {
  backoff_.Reset();
  if (message.has_error()) return tl::make_unexpected(ErrorOf(message.error(), "subscribe"));
  if (message.has_lost()) {
    missed_.Add(message.lost().events());
    printer_.AppendMissed(message.lost().events(), output_);
  }
  if (message.has_event()) {
    const std::size_t before = output_.size();
    printer_.Append(message.event(), output_);
    if (output_.size() != before) ++printed_;
  }
  const bool over = message.has_ended() || (command_.count != 0 && printed_ >= command_.count);
  if (!over && output_.size() < kWriteBytes) return State::kGoingOn;
  const Result<State> flushed = Flush();
  return flushed && over ? State::kOver : flushed;
}

Result<Subscriber::State> Subscriber::Flush() {
  if (output_.empty()) return State::kGoingOn;
  const Result<StdoutWriter::Outcome> outcome = writer_.Write(output_);
  output_.clear();
  if (!outcome) return tl::make_unexpected(outcome.error());
  // While there is always something to read nobody waits, and looks at the signals.
  pollfd stopped{stop_.signal_fd(), POLLIN, 0};
  const bool over = *outcome != StdoutWriter::Outcome::kWritten || poll(&stopped, 1, 0) > 0;
  return over ? State::kOver : State::kGoingOn;
}

/// Nothing when a signal came first.
Result<std::optional<IpcClient>> Subscriber::ConnectAgain() {
  since_unix_ns_ = UnixNs();
  spdlog::warn("the agent '{}' has gone; waiting until it is back", command_.instance.name);
  for (;;) {
    pollfd stopped{stop_.signal_fd(), POLLIN, 0};
    if (poll(&stopped, 1, static_cast<int>(backoff_.Next().count())) > 0)
      return std::optional<IpcClient>();
    Result<IpcClient> client = Connect();
    if (client) {
      spdlog::info("the agent '{}' is back", command_.instance.name);
      return std::optional<IpcClient>(std::move(*client));
    }
    const Errc code = client.error().code;
    if (code != Errc::kNotFound && code != Errc::kSystem)
      return tl::make_unexpected(client.error());
  }
}

}  // namespace

Result<void> RunSubscribe(const SubscribeCommand& command) {
  TLSCOPE_TRY(const StopSignal stop, StopSignal::Open());
  TLSCOPE_TRY(StdoutWriter writer, StdoutWriter::Open(stop.signal_fd()));
  return Subscriber(command, stop, std::move(writer)).Run();
}

}  // namespace tlscope
