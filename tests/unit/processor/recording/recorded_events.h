// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "processor/recording/byte_source.h"
#include "processor/recording/recording_reader.h"
#include "processor/recording/recording_writer.h"
#include "tests/unit/processor/events/wire_records.h"

namespace tlscope::testing {

inline constexpr HashKey kRecordingKey{7, 8};

/// A source whose bytes come `grain` at a time.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes, std::size_t grain = 1U << 20)
      : bytes_(bytes), grain_(grain) {}

  Result<std::size_t> Read(std::span<char> room) override {
    const std::size_t count = std::min({room.size(), bytes_.size(), grain_});
    std::memcpy(room.data(), bytes_.data(), count);
    bytes_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
  std::size_t grain_;
};

inline EventOrigin MakeOrigin(std::uint64_t ktime_ns = 1'000'000'000) {
  EventOrigin origin{ktime_ns, 1234, 1235, {}};
  std::memcpy(origin.comm_bytes.data(), "curl", 4);
  return origin;
}

inline Tuple MakeTuple(AddressFamily family) {
  Tuple tuple;
  tuple.family = family;
  tuple.local = {{127, 0, 0, 1}, 54321};
  tuple.remote = {{10, 0, 0, 1}, 443};
  if (family == AddressFamily::kIpv6) tuple.local.address[15] = 9;
  return tuple;
}

inline SSLDataEvent MakeData(std::string_view bytes, DataType direction = DataType::kWrite) {
  SSLDataEvent event;
  event.origin = MakeOrigin();
  event.ssl = {1234, 0x7f00'0000'1000, 1};
  event.socket = {0xffff'8000'0000'1000, 3};
  event.tuple = MakeTuple(AddressFamily::kIpv4);
  event.provenance = Provenance::kNested;
  event.direction = direction;
  event.fd = 5;
  event.call_bytes = bytes.size();
  event.data = bytes;
  return event;
}

/// One of every kind, with every field set, and some with as few as there may be.
inline std::vector<Record> EveryKind() {
  SSLDataEvent piece = MakeData("piece", DataType::kRead);
  piece.tuple = MakeTuple(AddressFamily::kIpv6);
  piece.provenance = Provenance::kMatched;
  piece.stream_offset = 1'000'000;
  piece.call_bytes = 100;
  piece.chunk_offset = 95;
  piece.moved_ns = piece.origin.ktime_ns - 1;
  piece.missed = Missed{DataType::kRead, 0xffff'ffff};
  piece.ends_call = true;
  SSLDataEvent bare = MakeData("bare");
  bare.socket = {};
  bare.tuple = {};
  bare.provenance = Provenance::kUnknown;
  bare.fd = -1;
  bare.socket_pending = true;
  bare.missed = Missed{DataType::kWrite, 0};
  ConnDataEvent opened{
      MakeOrigin(2), {99, 1}, MakeTuple(AddressFamily::kIpv4), ConnDataEvent::State::kOpened};
  ConnDataEvent closed{MakeOrigin(3), {99, 1}, {}, ConnDataEvent::State::kClosed};
  SSLEndEvent end{MakeOrigin(4), {1234, 0x7f00'0000'1000, 1}, {17, 18}};
  SSLSocketEvent socket;
  socket.origin = MakeOrigin(5);
  socket.ssl = {1234, 0x7f00'0000'1000, 1};
  socket.socket = {99, 1};
  socket.tuple = MakeTuple(AddressFamily::kIpv6);
  socket.provenance = Provenance::kSetFd;
  socket.fd = 0;
  SSLHandshakeEvent hello;
  hello.origin = MakeOrigin(6);
  hello.ssl = {1234, 0x7f00'0000'1000, 1};
  hello.kind = SSLHandshakeEvent::Kind::kServerHello;
  hello.direction = DataType::kWrite;
  hello.data = std::string_view("\2\0\0\1x", 5);
  SSLHandshakeEvent protocol = hello;
  protocol.ssl = {1234, 0, 0};
  protocol.socket = {99, 1};
  protocol.kind = SSLHandshakeEvent::Kind::kProtocol;
  protocol.data = "h2";
  return {MakeData("GET / HTTP/1.1\r\n\r\n"),
          piece,
          bare,
          opened,
          socket,
          hello,
          protocol,
          end,
          closed};
}

/// The events of a recording in bytes, header and end included.
inline std::string RecordingOf(const std::vector<Record>& events, RecordingTotals totals = {}) {
  RecordingWriter writer(kRecordingKey);
  std::string bytes = EncodeRecordingHeader({"1.2", "host", "6.1", 5, 7});
  for (const Record& event : events) bytes += writer.Encode(event);
  totals.recorded_entries = events.size();
  return bytes + EncodeRecordingEnd(totals);
}

/// What a recording becomes: each event encoded anew, which has to be as it was.
struct ReadBack {
  std::vector<std::string> events;
  RecordingReader::Status status{};
  std::string damage;  // also why it could not be opened
  RecordingReadStats stats;
  std::optional<RecordingInfo> info;  // none: it could not be opened
};

inline ReadBack ReadAll(ByteSource& source) {
  ReadBack read;
  MaybeZstdSource bytes(source);
  const auto reader = RecordingReader::Open(bytes);
  if (!reader) {
    read.status = RecordingReader::Status::kDamaged;
    read.damage = reader.error().Describe();
    return read;
  }
  RecordingWriter writer(HashKey{});
  Record event;
  while ((read.status = (*reader)->Next(event)) == RecordingReader::Status::kEvent) {
    read.events.emplace_back(writer.Encode(event));
  }
  EXPECT_EQ((*reader)->Next(event), read.status) << "the end is final";
  read.info = (*reader)->info();
  read.damage = (*reader)->damage();
  read.stats = (*reader)->stats();
  return read;
}

inline ReadBack ReadAll(std::string_view bytes, std::size_t grain = 1U << 20) {
  MemorySource source(bytes, grain);
  return ReadAll(source);
}

/// Whichever bit of a recording is another: what comes out is its beginning, and damage is reported
/// unless it is all of it.
inline void ExpectNoFlippedBitMisleads(const std::string& good) {
  const ReadBack whole = ReadAll(good);
  ASSERT_EQ(whole.status, RecordingReader::Status::kEnd) << whole.damage;
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    SCOPED_TRACE(bit);
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    const ReadBack read = ReadAll(bytes);
    EXPECT_TRUE(!read.info || read.info == whole.info);
    ASSERT_LE(read.events.size(), whole.events.size());
    EXPECT_TRUE(std::equal(read.events.begin(), read.events.end(), whole.events.begin()));
    if (read.status == RecordingReader::Status::kDamaged) {
      EXPECT_NE(read.damage, "");
      continue;
    }
    EXPECT_EQ(read.status, RecordingReader::Status::kEnd);
    EXPECT_EQ(read.events.size(), whole.events.size());
    EXPECT_EQ(read.stats.unknown_entries, whole.stats.unknown_entries);
  }
}

}  // namespace tlscope::testing
