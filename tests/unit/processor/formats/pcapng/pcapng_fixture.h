// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processor/formats/pcapng/pcapng_format.h"
#include "tests/unit/processor/formats/pcapng/pcapng_reader.h"

namespace tlscope::testing {

inline constexpr std::uint64_t kPcapngNow = 100'000'000'000;
// 2026-11-21T08:54:12.123456789Z at kPcapngNow.
inline constexpr std::uint64_t kPcapngUnixNow = 1'795'251'252'123'456'789;
inline constexpr std::int64_t kPcapngOffset =
    static_cast<std::int64_t>(kPcapngUnixNow - kPcapngNow);

inline constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
inline constexpr std::string_view kResponse = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Wireshark's names of control bits.
inline constexpr std::uint64_t kFinAck = 0x11, kSyn = 0x02, kSynAck = 0x12, kAck = 0x10,
                               kPshAck = 0x18;

/// curl on 127.0.0.1:50000 that talks to 127.0.0.2:443.
inline ConnectionInfo ClientConnection(std::uint64_t id = 0x1111'1111'2222'2222) {
  ConnectionInfo info;
  info.pid = 1234;
  info.comm = "curl";
  info.tuple = {AddressFamily::kIpv4, {{127, 0, 0, 1}, 50000}, {{127, 0, 0, 2}, 443}};
  info.correlation = Correlation::Root(id, Stage::kCapturing);
  return info;
}

/// Appends the events of one connection, with the right offsets.
class Talk {
 public:
  Talk(Format& format, std::string& out, ConnectionInfo connection = ClientConnection())
      : info(std::move(connection)), format_(format), out_(out) {}

  /// A piece in one direction, a microsecond after the one before.
  void Say(DataType direction, std::string_view data) {
    std::uint64_t& offset = offsets[static_cast<std::size_t>(direction)];
    ktime_ns += 1000;
    format_.Append(PlaintextEvent{info, direction, {}, offset, data, ktime_ns}, out_);
    offset += data.size();
  }
  void Write(std::string_view data) { Say(DataType::kWrite, data); }
  void Read(std::string_view data) { Say(DataType::kRead, data); }
  void Lose(DataType direction, std::uint64_t bytes) {
    offsets[static_cast<std::size_t>(direction)] += bytes;
  }
  void Change(ConnDataEvent::State state) {
    ktime_ns += 1000;
    ConnDataEvent event;
    event.origin.ktime_ns = ktime_ns;
    event.state = state;
    format_.Append(ConnectionEvent{info, {}, event}, out_);
  }
  void Close() { Change(ConnDataEvent::State::kClosed); }

  ConnectionInfo info;
  std::uint64_t offsets[2] = {0, 0};
  std::uint64_t ktime_ns = kPcapngNow;

 private:
  Format& format_;
  std::string& out_;
};

class PcapngFormatTest : public ::testing::Test {
 protected:
  std::vector<ReadBlock> Packets() const { return PacketsOf(WithStart(), 0); }
  std::vector<ReadBlock> Notes() const { return PacketsOf(WithStart(), 1); }
  std::vector<ReadTcp> Segments() const {
    std::vector<ReadTcp> segments;
    for (const ReadBlock& packet : Packets()) segments.push_back(packet.tcp());
    return segments;
  }
  std::string WithStart() const { return format.Start() + out; }

  PcapngFormat format{{.realtime_offset_ns = kPcapngOffset}};
  std::string out;
};

}  // namespace tlscope::testing
