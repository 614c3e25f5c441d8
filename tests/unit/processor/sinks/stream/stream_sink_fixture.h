// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "processor/sinks/stream/stream_sink.h"
#include "processor/wire/delimited.h"
#include "tests/unit/processor/sinks/sink_expectations.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {

/// A block as the protobuf format makes them.
inline std::string EventBlock(std::uint64_t sequence, const std::string& payload) {
  v1::LogEntry entry;
  entry.set_log_type(v1::LOG_TYPE_EVENT);
  entry.mutable_event_payload()->set_payload(payload);
  entry.set_sequence(sequence);
  std::string bytes;
  AppendDelimited(entry, bytes);
  return bytes;
}

inline std::string HelloBlock(std::uint64_t next_sequence) {
  v1::LogEntry entry;
  entry.set_log_type(v1::LOG_TYPE_HELLO);
  entry.mutable_hello()->set_next_sequence(next_sequence);
  std::string bytes;
  AppendDelimited(entry, bytes);
  return bytes;
}

/// What a sink has told.
class Told {
 public:
  void Install(StreamSinkOptions& options) {
    options.on_connected = [this] { ++connected; };
    options.on_failure = [this](const Error& error, std::chrono::milliseconds /*delay*/) {
      const std::lock_guard lock(mutex_);
      failures_.push_back(error);
    };
  }
  std::size_t failures() const {
    const std::lock_guard lock(mutex_);
    return failures_.size();
  }
  std::string failure(std::size_t index) const {
    const std::lock_guard lock(mutex_);
    return failures_.at(index).Describe();
  }
  std::atomic<int> connected = 0;

 private:
  mutable std::mutex mutex_;
  std::vector<Error> failures_;
};

/// Tries again at once, and waits for long where a test waits for something else.
inline StreamSinkOptions TestOptions(const StreamAddress& address, bool framed) {
  StreamSinkOptions options;
  options.address = address;
  options.framed = framed;
  if (framed) options.start = HelloBlock;
  options.heartbeat_interval = std::chrono::hours{1};
  options.welcome_patience = std::chrono::hours{1};
  options.settle_time = std::chrono::hours{1};
  options.connect_timeout = std::chrono::minutes{1};
  options.backoff_first = std::chrono::milliseconds{1};
  options.backoff_limit = std::chrono::milliseconds{20};
  options.linger = std::chrono::milliseconds{0};
  options.drain_deadline = std::chrono::minutes{1};
  return options;
}

inline std::unique_ptr<StreamSink> OpenSink(StreamSinkOptions options) {
  auto sink = StreamSink::Open(std::move(options));
  EXPECT_TRUE(sink) << sink.error().Describe();
  return std::move(*sink);
}

}  // namespace tlscope
