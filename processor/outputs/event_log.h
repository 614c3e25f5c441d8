// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "processor/base/result.h"
#include "processor/base/unique_fd.h"
#include "processor/bus/event_bus.h"
#include "processor/sinks/files/file_sink.h"

namespace tlscope {

namespace v1 {
class BusEvent;
}

struct EventLogOptions {
  /// Where it goes; what a file begins and ends with is the log's own affair.
  FileSinkOptions file = {};
  /// Heads, bodies and trailers of messages, too; without, only their sizes.
  bool payload = false;
  /// For the record that each file begins with.
  std::string version = {};
  std::string host = {};
  std::string instance = {};
};

/// Every event of the bus as a line of JSON in a file, from a thread of its own. Each file begins
/// with a record `log_started` and ends with `log_ended`; what the log was too slow for is a record
/// `events_missed`, and what the disk was too slow for one `events_dropped`.
class EventLog {
 public:
  /// `bus` is borrowed and outlives the log. Fails as FileSink::Open does.
  static Result<std::unique_ptr<EventLog>> Open(EventBus& bus, EventLogOptions options);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  /// Writes what has been published, and ends. Once.
  void Close();

  /// Any thread.
  SinkStats stats() const { return sink_->stats(); }
  std::uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }

 private:
  EventLog(EventBus& bus, EventLogOptions options);
  std::string Started() const;
  std::string Ended() const;

  // On its thread.
  void Run();
  bool TakeEvents();
  void Write(v1::BusEvent& event);

  const EventLogOptions options_;
  std::atomic<std::uint64_t> events_ = 0;  ///< handed to the sink
  std::atomic<std::uint64_t> missed_ = 0;
  std::unique_ptr<FileSink> sink_;
  BusWaiter waiter_;
  std::unique_ptr<Subscription> subscription_;
  UniqueFd closing_;
  std::jthread thread_;  // last: joined before anything it uses goes
};

}  // namespace tlscope
