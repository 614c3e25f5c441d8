// SPDX-License-Identifier: Apache-2.0
#include "agent/control/control_thread.h"

#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "agent/status/agent_health.h"
#include "agent/terminal/warning.h"
#include "processor/ipc/broker.h"
#include "processor/metrics/agent_metrics.h"
#include "processor/metrics/exposition.h"
#include "processor/metrics/http_endpoint.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// For clients to read what was published last.
constexpr milliseconds kPatience{1000};

// How soon another interval between heartbeats is noticed, and how old the numbers of clients are
// that others may tell.
constexpr seconds kTick{1};

}  // namespace

class ControlThread::Impl {
 public:
  Impl(EventBus& bus, CaptureControl& control) : bus_(bus), control_(control), timer_(io_) {}

  Result<void> OpenBroker(const CaptureOptions& options) {
    if (options.no_ipc) return {};
    BrokerOptions broker;
    broker.instance = {options.runtime_dir, options.instance};
    broker.version = TLSCOPE_VERSION;
    broker.group = options.ipc_group;
    broker.is_public = options.ipc_public;
    TLSCOPE_TRY(auto opened, Broker::Open(io_, bus_, std::move(broker),
                                          [this](const v1::Command& command, const Peer& /*peer*/) {
                                            return Execute(command);
                                          }));
    broker_ = std::move(opened);
    return {};
  }

  Result<void> OpenEndpoint(const CaptureOptions& options) {
    if (options.metrics.empty()) return {};
    HttpHandlers handlers;
    handlers.metrics = [this] { return PrometheusText(AgentMetrics(Counters())); };
    handlers.health = [this]() -> std::optional<std::string> {
      if (bus_.stage() == Stage::kCapturing) return std::nullopt;
      return std::string(StageName(bus_.stage()));
    };
    TLSCOPE_TRY(endpoint_, HttpEndpoint::Open(io_, options.metrics, std::move(handlers)));
    spdlog::info("metrics are at http://{}/metrics", options.metrics);
    return {};
  }

  void Start() {
    OnTick();
    thread_ = std::jthread([this] { io_.run(); });
  }

  void Close() {
    boost::asio::post(io_, [this] {
      timer_.cancel();
      endpoint_.reset();
      if (!broker_) return io_.stop();
      broker_->Close(kPatience, [this] { io_.stop(); });
    });
    thread_.join();
  }

 private:
  Result<v1::Reply> Execute(const v1::Command& command) {
    PublishClients();
    return control_.controller().Execute(command);
  }

  void PublishClients() {
    if (!broker_) return;
    const BrokerStats stats = broker_->stats();
    control_.shared().PublishClients({stats.clients, stats.subscriptions});
  }

  AgentCounters Counters() const {
    return CountersOf(control_.Snapshot(), {bus_, broker_ ? broker_->stats() : BrokerStats{},
                                            endpoint_ ? endpoint_->stats() : HttpEndpointStats{}});
  }

  void OnTick() {
    PublishClients();
    const auto interval = control_.settings().heartbeat();
    const auto now = std::chrono::steady_clock::now();
    if (interval && now >= last_beat_ + *interval) {
      last_beat_ = now;
      PublishHealth(bus_, ++beat_, static_cast<std::uint64_t>(milliseconds(*interval).count()),
                    Counters());
    }
    timer_.expires_after(kTick);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) OnTick();
    });
  }

  EventBus& bus_;
  CaptureControl& control_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer timer_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<HttpEndpoint> endpoint_;
  std::uint64_t beat_ = 0;
  std::chrono::steady_clock::time_point last_beat_;
  std::jthread thread_;  // last: joined before anything it uses goes
};

ControlThread::ControlThread(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlThread::~ControlThread() = default;

Result<std::unique_ptr<ControlThread>> ControlThread::Open(const CaptureOptions& options,
                                                           EventBus& bus, CaptureControl& control) {
  auto impl = std::make_unique<Impl>(bus, control);
  if (auto opened = impl->OpenBroker(options); !opened) {
    if (options.instance_given) return tl::make_unexpected(opened.error());
    Warn(bus, opened.error().Describe() + "; this agent cannot be controlled from outside");
  }
  TLSCOPE_TRY(impl->OpenEndpoint(options));
  return std::unique_ptr<ControlThread>(new ControlThread(std::move(impl)));
}

void ControlThread::Start() { impl_->Start(); }
void ControlThread::Close() { impl_->Close(); }

}  // namespace tlscope
