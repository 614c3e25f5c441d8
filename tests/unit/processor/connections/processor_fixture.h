// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "processor/connections/event_processor.h"
#include "tests/unit/processor/bus/recorder.h"
#include "tests/unit/processor/events/wire_records.h"

namespace tlscope::testing {

inline constexpr std::uint64_t kMillisecond = 1'000'000;
inline constexpr std::uint64_t kSecond = 1'000 * kMillisecond;
inline constexpr std::uint64_t kStart = 50 * kSecond;

/// A traced SSL object: turns calls into records with the right offsets.
struct TracedSsl {
  std::uint64_t ssl = 0x7f00'0000'1000;
  std::uint64_t generation = 1;
  std::uint32_t pid = 1234;
  std::uint32_t tid = 1235;
  std::uint64_t sock = 0;
  std::string comm = "curl";
  std::uint64_t offset[2] = {0, 0};

  DataRecord Call(std::uint8_t direction, std::string_view bytes, std::uint64_t ktime_ns) {
    DataRecord record(bytes);
    record.wire.header = MakeHeader<tlscope_ssl_data>(TLSCOPE_RECORD_SSL_DATA, comm);
    record.wire.header.size += static_cast<std::uint32_t>(bytes.size());
    record.wire.header.ktime_ns = ktime_ns;
    record.wire.header.tgid = pid;
    record.wire.header.tid = tid;
    record.wire.ssl = ssl;
    record.wire.ssl_generation = generation;
    if (sock != 0) {
      record.wire.sock = sock;
      record.wire.sock_generation = 1;
      record.wire.tuple = Ipv4Tuple();
    }
    record.wire.direction = direction;
    record.wire.stream_offset = offset[direction];
    offset[direction] += bytes.size();
    return record;
  }
  tlscope_ssl_end End() const {
    tlscope_ssl_end end = MakeEnd(offset[0], offset[1]);
    end.header.tgid = pid;
    end.ssl = ssl;
    end.ssl_generation = generation;
    return end;
  }
};

class ProcessorTest : public ::testing::Test {
 protected:
  ProcessorTest() { Restart({}); }

  void Restart(const ProcessorOptions& options) {
    processor = std::make_unique<EventProcessor>(options, bus);
  }
  void Take(const Bytes& record) { processor->OnRecord(record); }
  void Write(TracedSsl& ssl, std::string_view bytes, std::uint64_t ktime_ns = kStart) {
    Take(ssl.Call(TLSCOPE_WRITE, bytes, ktime_ns).Encode());
  }
  void Read(TracedSsl& ssl, std::string_view bytes, std::uint64_t ktime_ns = kStart) {
    Take(ssl.Call(TLSCOPE_READ, bytes, ktime_ns).Encode());
  }
  void CloseSocket(std::uint64_t sock) { Take(BytesOf(MakeConn(sock, TLSCOPE_CONN_CLOSED))); }
  const ProcessorStats& stats() const { return processor->stats(); }

  EventBus bus;
  Recorder seen;
  const bool subscribed = bus.Subscribe("#", seen);
  std::unique_ptr<EventProcessor> processor;
};

}  // namespace tlscope::testing
