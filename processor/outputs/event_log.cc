// SPDX-License-Identifier: Apache-2.0
#include "processor/outputs/event_log.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "processor/base/clock.h"
#include "processor/formats/json_event.h"
#include "processor/text/decimal.h"
#include "processor/text/json_string.h"
#include "processor/text/utc_time.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

constexpr std::size_t kEventsAtOnce = 256;

TopicSet AllTopics() { return TopicsOf("#"); }

/// A record of the log's own, up to and without its last brace.
std::string StartRecord(std::string_view name) {
  std::string out = R"({"time":")";
  UtcTime(0).Append(static_cast<std::uint64_t>(UnixNs()), out);
  out += R"(","record":")";
  out += name;
  out += '"';
  return out;
}

void AddText(std::string_view key, std::string_view value, std::string& out) {
  out += ",\"";
  out += key;
  out += "\":";
  AppendJsonString(value, out);
}

void AddNumber(std::string_view key, std::uint64_t value, std::string& out) {
  out += ",\"";
  out += key;
  out += "\":";
  AppendDecimal(value, out);
}

}  // namespace

Result<std::unique_ptr<EventLog>> EventLog::Open(EventBus& bus, EventLogOptions options) {
  std::unique_ptr<EventLog> log(new EventLog(bus, std::move(options)));
  log->closing_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!log->closing_) return Fail(Errc::kSystem, errno, "make the event log's descriptor");
  FileSinkOptions file = log->options_.file;
  file.first_block = [self = log.get()] { return self->Started(); };
  file.last_block = [self = log.get()] { return self->Ended(); };
  file.queue.marker = [](std::uint64_t events, std::uint64_t bytes) {
    std::string record = StartRecord("events_dropped");
    AddNumber("events", events, record);
    AddNumber("bytes", bytes, record);
    return record += "}\n";
  };
  TLSCOPE_TRY(auto sink, FileSink::Open(file));
  log->sink_ = std::move(sink);
  bus.StartRecording();
  log->subscription_ = bus.Subscribe(
      SubscribeOptions{.topics = AllTopics(), .history = 0, .whole_bodies = log->options_.payload});
  log->thread_ = std::jthread([self = log.get()] { self->Run(); });
  return log;
}

EventLog::EventLog(EventBus& bus, EventLogOptions options)
    : options_(std::move(options)), waiter_(bus) {}

EventLog::~EventLog() { Close(); }

void EventLog::Close() {
  if (!thread_.joinable()) return;
  eventfd_write(closing_.get(), 1);
  thread_.join();
  sink_->Close();
}

std::string EventLog::Started() const {
  std::string record = StartRecord("log_started");
  AddText("version", options_.version, record);
  AddText("host", options_.host, record);
  AddText("instance", options_.instance, record);
  AddNumber("pid", static_cast<std::uint64_t>(getpid()), record);
  return record += "}\n";
}

std::string EventLog::Ended() const {
  std::string record = StartRecord("log_ended");
  AddNumber("events", events_.load(std::memory_order_relaxed), record);
  AddNumber("missed", missed(), record);
  return record += "}\n";
}

void EventLog::Run() {
  std::array<pollfd, 2> ready{{{waiter_.fd(), POLLIN, 0}, {closing_.get(), POLLIN, 0}}};
  while (true) {
    while (TakeEvents()) {
    }
    if (ready[1].revents != 0) return;
    waiter_.Arm(AllTopics());
    // What was published before that wakes nobody.
    if (TakeEvents()) continue;
    poll(ready.data(), ready.size(), -1);
    waiter_.Clear();
  }
}

bool EventLog::TakeEvents() {
  v1::BusEvent event;
  const std::size_t taken =
      subscription_->Poll(kEventsAtOnce, [this, &event](const BusRecord& record) {
        const auto bytes = static_cast<int>(record.bytes.size());
        if (event.ParseFromArray(record.bytes.data(), bytes)) Write(event);
      });
  const std::uint64_t missed = subscription_->TakeLost();
  if (missed != 0) {
    missed_.fetch_add(missed, std::memory_order_relaxed);
    std::string record = StartRecord("events_missed");
    AddNumber("events", missed, record);
    static_cast<void>(sink_->Push(record += "}\n"));  // the sink counts what it cannot take
  }
  return taken > 0;
}

void EventLog::Write(v1::BusEvent& event) {
  if (!options_.payload && event.has_message_decoded()) {
    v1::MessageDecoded& message = *event.mutable_message_decoded();
    message.clear_head();
    message.clear_body();
    message.clear_trailers();
    message.clear_gaps();
    message.clear_cut_bytes();
  }
  std::string line;
  AppendJsonEvent(event, line);
  if (sink_->Push(std::move(line))) events_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace tlscope
