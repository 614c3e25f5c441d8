// SPDX-License-Identifier: Apache-2.0
// How many events the broker hands to clients over the Unix domain socket, how soon one is there,
// and that a burst is accounted for.
#include <benchmark/benchmark.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "processor/base/unique_fd.h"
#include "processor/bus/event_bus.h"
#include "processor/ipc/broker.h"
#include "processor/wire/delimited.h"
#include "tlscope/v1/control.pb.h"

namespace tlscope {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t NowNs() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
          .count());
}

void Check(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

/// A bus and its broker, on a thread of its own, in a folder of its own.
class Agent {
 public:
  Agent() {
    Check(mkdtemp(folder_.data()) != nullptr, "make a folder");
    auto opened = Broker::Open(io_, bus_, {.instance = instance()},
                               [](const v1::Command&, const Peer&) { return v1::Reply(); });
    if (!opened) throw std::runtime_error(opened.error().Describe());
    broker_ = std::move(*opened);
    thread_ = std::jthread([this] { io_.run(); });
  }
  ~Agent() {
    io_.stop();
    thread_.join();
    broker_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  Instance instance() const { return {folder_, "default"}; }

  /// Of the broker's thread since it began.
  double CpuNs() {
    clockid_t clock{};
    timespec used{};
    Check(pthread_getcpuclockid(thread_.native_handle(), &clock) == 0, "find the clock");
    Check(clock_gettime(clock, &used) == 0, "read the clock");
    return 1e9 * static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec);
  }

  /// Its time of publishing is the event's.
  void Publish() {
    publisher_.Publish(Topic::kHealthStatus, {NowNs(), tree_},
                       MetricEvent{"tlscope_messages_total", {}, 1.0});
  }

 private:
  std::string folder_ = "/tmp/tlscope-bench-XXXXXX";
  EventBus bus_;
  BusPublisher& publisher_ = bus_.MakePublisher();
  const Correlation tree_ = Correlation::Root(1, Stage::kCapturing);
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::unique_ptr<Broker> broker_;
  std::jthread thread_;
};

/// Counts the events that come. Does nothing else, so that the agent is what is measured.
class Client {
 public:
  explicit Client(const Instance& instance)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = SocketPath(instance).value();
    std::memcpy(address.sun_path, path.data(), path.size());
    Check(connect(fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "connect");
    v1::ClientMessage ask;
    ask.set_id(1);
    ask.mutable_subscribe()->add_topics("control.health.status");
    std::string bytes;
    AppendDelimited(ask, bytes);
    Check(send(fd(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()), "send");
    while (!subscribed_) Read([this](std::string_view message) { TakeParsed(message); });
  }

  int fd() const { return socket_.get(); }
  std::uint64_t received() const { return received_; }
  std::uint64_t lost() const { return lost_; }

  /// Waits for some bytes and calls `take` for each message in them.
  template <class Take>
  void Read(const Take& take) {
    const std::span<char> room = reader_.Prepare(std::size_t{256} << 10);
    const ssize_t bytes = recv(fd(), room.data(), room.size(), 0);
    Check(bytes > 0, "receive");
    reader_.Commit(static_cast<std::size_t>(bytes));
    std::string_view message;
    while (reader_.Next(message) == DelimitedReader::Status::kMessage) take(message);
  }

  /// Looks no further than what kind of message it is: id 1, then an event.
  void Take(std::string_view message) {
    if (message.starts_with(std::string_view("\x08\x01\x32", 3))) {
      ++received_;
    } else {
      TakeParsed(message);
    }
  }

  /// The result is borrowed until the next call.
  const v1::ServerMessage& TakeParsed(std::string_view message) {
    Check(ParseMessage(message, message_), "parse");
    received_ += message_.has_event() ? 1 : 0;
    lost_ += message_.lost().events();
    subscribed_ = subscribed_ || message_.has_ack();
    return message_;
  }

 private:
  UniqueFd socket_;
  DelimitedReader reader_{std::size_t{1} << 20};
  v1::ServerMessage message_;
  bool subscribed_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t lost_ = 0;
};

double Percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto nth = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + nth, values.end());
  return values[static_cast<std::size_t>(nth)];
}

/// One client, and a publisher that never is so far ahead of it that anything is lost. The bar is
/// a million a second, with a client that only counts.
void Throughput(benchmark::State& state) {
  constexpr std::uint64_t kEvents = 1'000'000;
  constexpr std::uint64_t kAhead = 50'000;
  const bool parse = state.range(0) != 0;
  Agent agent;
  Client client(agent.instance());
  std::atomic<std::uint64_t> received = 0;
  const auto events = kEvents * static_cast<std::uint64_t>(state.max_iterations);
  std::jthread reader([&] {
    while (client.received() + client.lost() < events) {
      client.Read([&](std::string_view message) {
        if (parse) {
          client.TakeParsed(message);
        } else {
          client.Take(message);
        }
      });
      received.store(client.received() + client.lost(), std::memory_order_release);
      received.notify_one();
    }
  });
  const auto await = [&received](std::uint64_t count) {
    for (std::uint64_t now = received.load(); now < count; now = received.load())
      received.wait(now);
  };
  std::uint64_t published = 0;
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      if (++published > kAhead) await(published - kAhead);
      agent.Publish();
    }
    await(published);
  }
  reader.join();
  const auto taken = static_cast<double>(client.received());
  state.SetItemsProcessed(static_cast<std::int64_t>(client.received()));
  state.counters["broker_cpu_ns"] = agent.CpuNs() / taken;
  state.counters["lost"] = static_cast<double>(client.lost());
  state.counters["bar_per_second"] = 1e6;
}
BENCHMARK(Throughput)
    ->ArgName("parse")
    ->Arg(0)
    ->Arg(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// From before publishing until the client has parsed it; everybody sleeps in between. The bar is
/// 100 us at the median.
void Latency(benchmark::State& state) {
  // Or sleeping takes 50 us more than it is asked for.
  prctl(PR_SET_TIMERSLACK, 1);
  Agent agent;
  Client client(agent.instance());
  const std::chrono::nanoseconds pause(1'000'000'000 / state.range(0));
  const auto events = static_cast<std::uint64_t>(state.max_iterations);
  std::vector<double> samples;
  samples.reserve(events);
  std::jthread reader([&] {
    while (client.received() + client.lost() < events) {
      client.Read([&](std::string_view message) {
        const v1::ServerMessage& parsed = client.TakeParsed(message);
        if (!parsed.has_event()) return;
        const auto then = static_cast<std::uint64_t>(parsed.event().time_unix_ns());
        samples.push_back(static_cast<double>(NowNs() - then) / 1000);
      });
    }
  });
  Clock::time_point next = Clock::now();
  for (auto _ : state) {
    std::this_thread::sleep_until(next += pause);
    agent.Publish();
  }
  reader.join();
  const auto taken = static_cast<double>(client.received());
  state.SetItemsProcessed(static_cast<std::int64_t>(client.received()));
  state.counters["broker_cpu_ns"] = agent.CpuNs() / taken;
  state.counters["lost"] = static_cast<double>(client.lost());
  state.counters["p50_us"] = Percentile(samples, 0.5);
  state.counters["p99_us"] = Percentile(samples, 0.99);
  state.counters["bar_p50_us"] = 100;
}
BENCHMARK(Latency)->ArgName("per_second")->Arg(1'000)->Arg(20'000)->UseRealTime();

/// As fast as they can be published to fifty clients, of whom every fifth reads only afterwards:
/// each is told of every event that it does not get.
void Burst(benchmark::State& state) {
  constexpr std::uint64_t kEvents = 1'000'000;
  constexpr std::size_t kClients = 50;
  std::uint64_t received = 0;
  std::uint64_t lost = 0;
  for (auto _ : state) {
    Agent agent;
    std::vector<std::unique_ptr<Client>> readers;
    std::vector<std::unique_ptr<Client>> stalled;
    for (std::size_t i = 0; i < kClients; ++i) {
      (i % 5 == 0 ? stalled : readers).push_back(std::make_unique<Client>(agent.instance()));
    }
    const auto read = [](std::vector<std::unique_ptr<Client>>& clients) {
      std::vector<pollfd> fds;
      for (const auto& client : clients) fds.push_back({client->fd(), POLLIN, 0});
      for (std::size_t left = fds.size(); left > 0;) {
        Check(poll(fds.data(), fds.size(), -1) > 0, "poll");
        for (std::size_t i = 0; i < fds.size(); ++i) {
          if (fds[i].revents == 0) continue;
          Client& client = *clients[i];
          client.Read([&](std::string_view message) { client.Take(message); });
          if (client.received() + client.lost() < kEvents) continue;
          fds[i].fd = -1;
          --left;
        }
      }
    };
    std::jthread reading([&] { read(readers); });
    for (std::uint64_t i = 0; i < kEvents; ++i) agent.Publish();
    reading.join();
    read(stalled);
    for (const auto* clients : {&readers, &stalled}) {
      for (const auto& client : *clients) {
        received += client->received();
        lost += client->lost();
      }
    }
  }
  const auto bursts = static_cast<double>(state.iterations());
  state.counters["received"] = static_cast<double>(received) / bursts;
  state.counters["lost"] = static_cast<double>(lost) / bursts;
  state.counters["unaccounted"] =
      static_cast<double>(kEvents * kClients) - static_cast<double>(received + lost) / bursts;
}
BENCHMARK(Burst)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tlscope
