// SPDX-License-Identifier: Apache-2.0
#include "processor/events/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "tests/unit/processor/events/wire_records.h"

namespace tlscope {
namespace {

using testing::BytesOf;
using testing::DataRecord;

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

SSLDataEvent DecodeData(const testing::Bytes& bytes) {
  const Result<Record> record = Decode(bytes);
  EXPECT_TRUE(record) << record.error().Describe();
  return std::get<SSLDataEvent>(*record);
}

void ExpectRefused(const testing::Bytes& bytes, const std::string& reason) {
  const Result<Record> record = Decode(bytes);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Errc::kInvalidRecord);
  EXPECT_THAT(record.error().what, ::testing::HasSubstr(reason));
}

void ExpectDataRefused(const std::string& reason,
                       const std::function<void(tlscope_ssl_data&)>& harm) {
  SCOPED_TRACE(reason);
  DataRecord record("payload");
  harm(record.wire);
  ExpectRefused(record.Encode(), reason);
}

TEST(DecoderTest, TakesEveryFieldOfADataRecord) {
  DataRecord record("hello");
  record.wire.sock = 0xffff'8880'0000'1000;
  record.wire.sock_generation = 9;
  record.wire.stream_offset = 100;
  record.wire.total_len = 50;
  record.wire.chunk_offset = 30;
  record.wire.moved_ns = 999'999'000;
  record.wire.ends_call = 1;
  record.wire.missed = 1 + TLSCOPE_WRITE;
  record.wire.missed_len = 77;
  record.wire.tuple = testing::Ipv4Tuple();
  const testing::Bytes bytes = record.Encode();
  const SSLDataEvent event = DecodeData(bytes);
  EXPECT_EQ(event.origin.ktime_ns, 1'000'000'000U);
  EXPECT_EQ(event.origin.pid, 1234U);
  EXPECT_EQ(event.origin.tid, 1235U);
  EXPECT_EQ(event.origin.comm(), "curl");
  EXPECT_EQ(event.ssl, (SslId{1234, 0x7f00'0000'1000, 1}));
  EXPECT_EQ(event.socket, (SocketId{0xffff'8880'0000'1000, 9}));
  EXPECT_EQ(event.tuple.family, AddressFamily::kIpv4);
  EXPECT_EQ(event.tuple.local.address[0], 127);
  EXPECT_EQ(event.tuple.local.port, 54321);
  EXPECT_EQ(event.tuple.remote.address[0], 10);
  EXPECT_EQ(event.tuple.remote.port, 443);
  EXPECT_EQ(event.provenance, Provenance::kNested);
  EXPECT_EQ(event.direction, DataType::kWrite);
  EXPECT_EQ(event.fd, 5);
  EXPECT_EQ(event.stream_offset, 130U) << "of the piece, not of the call";
  EXPECT_EQ(event.call_bytes, 50U);
  EXPECT_EQ(event.chunk_offset, 30U);
  EXPECT_EQ(event.time_ns(), 999'999'000U);
  EXPECT_TRUE(event.ends_call);
  EXPECT_EQ(event.missed, (Missed{DataType::kWrite, 77}));
  EXPECT_EQ(event.data, "hello");
}

TEST(DecoderTest, PointsIntoTheRecordInsteadOfCopyingThePayload) {
  const testing::Bytes bytes = DataRecord("hello").Encode();
  const auto* payload = reinterpret_cast<const char*>(bytes.data()) + sizeof(tlscope_ssl_data);
  EXPECT_EQ(DecodeData(bytes).data.data(), payload);
}

TEST(DecoderTest, TakesTheRecordsTimeForThatOfDataWithNoneOfItsOwn) {
  const testing::Bytes bytes = DataRecord("hello").Encode();
  EXPECT_EQ(DecodeData(bytes).time_ns(), 1'000'000'000U);
}

TEST(DecoderTest, TakesTheLargestChunk) {
  const std::string chunk(TLSCOPE_CHUNK_MAX, 'x');
  const testing::Bytes bytes = DataRecord(chunk).Encode();
  EXPECT_EQ(DecodeData(bytes).data, chunk);
}

TEST(DecoderTest, TakesRecordsInLargerSizeClasses) {
  testing::Bytes bytes = DataRecord("hello").Encode();
  bytes.resize(1024);
  EXPECT_EQ(DecodeData(bytes).data, "hello");
}

TEST(DecoderTest, RefusesEveryTruncation) {
  const testing::Bytes records[] = {
      DataRecord("hello").Encode(), BytesOf(testing::MakeConn(1, TLSCOPE_CONN_OPENED)),
      BytesOf(testing::MakeEnd(1, 2)), testing::HandshakeRecord(TLSCOPE_ALPN, "h2").Encode()};
  for (const testing::Bytes& whole : records) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      SCOPED_TRACE(size);
      testing::Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(Decode(cut));
      // A header that admits to the truncation is no better.
      if (size < sizeof(tlscope_header)) continue;
      const auto claimed = static_cast<std::uint32_t>(size);
      std::memcpy(cut.data() + offsetof(tlscope_header, size), &claimed, sizeof claimed);
      EXPECT_FALSE(Decode(cut));
    }
  }
}

TEST(DecoderTest, RefusesEveryFieldOutOfRange) {
  ExpectDataRefused("type", [](auto& wire) { wire.header.type = 0; });
  ExpectDataRefused("type", [](auto& wire) { wire.header.type = 6; });
  ExpectDataRefused("version", [](auto& wire) { wire.header.version = TLSCOPE_ABI_VERSION + 1; });
  ExpectDataRefused("size beyond", [](auto& wire) { ++wire.header.size; });
  ExpectDataRefused("chunk_len beyond", [](auto& wire) { --wire.header.size; });
  ExpectDataRefused("size below", [](auto& wire) { wire.header.size = 0; });
  ExpectDataRefused("chunk_len out", [](auto& wire) { wire.chunk_len = 0; });
  ExpectDataRefused("chunk_len out", [](auto& wire) { wire.chunk_len = TLSCOPE_CHUNK_MAX + 1; });
  ExpectDataRefused("chunk_len out", [](auto& wire) { wire.chunk_len = 0xffff'ffff; });
  ExpectDataRefused("chunk_len beyond", [](auto& wire) { wire.chunk_len = 8; });
  ExpectDataRefused("total_len", [](auto& wire) { wire.total_len = 6; });
  ExpectDataRefused("total_len", [](auto& wire) { wire.chunk_offset = 1; });
  ExpectDataRefused("total_len", [](auto& wire) { wire.chunk_offset = kMax; });
  ExpectDataRefused("stream_offset", [](auto& wire) { wire.stream_offset = kMax - 6; });
  ExpectDataRefused("moved_ns", [](auto& wire) { wire.moved_ns = wire.header.ktime_ns + 1; });
  ExpectDataRefused("direction", [](auto& wire) { wire.direction = 2; });
  ExpectDataRefused("missed direction", [](auto& wire) { wire.missed = 3; });
  ExpectDataRefused("family", [](auto& wire) { wire.tuple.family = 1; });
  ExpectDataRefused("provenance", [](auto& wire) { wire.tuple.provenance = 5; });
  ExpectDataRefused("comm", [](auto& wire) { std::memset(wire.header.comm, 'x', 16); });
}

TEST(DecoderTest, TakesEveryFieldOfAHandshakeRecord) {
  testing::HandshakeRecord record(TLSCOPE_SERVER_HELLO, "bytes");
  record.wire.sock = 7;
  record.wire.sock_generation = 9;
  record.wire.tuple = testing::Ipv4Tuple();
  const testing::Bytes bytes = record.Encode();
  const auto decoded = Decode(bytes);
  ASSERT_TRUE(decoded);
  const auto& event = std::get<SSLHandshakeEvent>(*decoded);
  EXPECT_EQ(event.kind, SSLHandshakeEvent::Kind::kServerHello);
  EXPECT_EQ(event.ssl, (SslId{1234, 0x7f00'0000'1000, 1}));
  EXPECT_EQ(event.socket, (SocketId{7, 9}));
  EXPECT_EQ(event.tuple.remote.port, 443);
  EXPECT_EQ(event.provenance, Provenance::kNested);
  EXPECT_EQ(event.direction, DataType::kRead);
  EXPECT_EQ(event.fd, 5);
  EXPECT_EQ(event.data, "bytes");
}

TEST(DecoderTest, RefusesHandshakeRecordsOutOfRange) {
  const auto expect_refused = [](const std::string& field, auto&& spoil) {
    testing::HandshakeRecord record(TLSCOPE_CLIENT_HELLO, "bytes");
    spoil(record.wire);
    ExpectRefused(record.Encode(), field);
  };
  expect_refused("len out", [](auto& wire) { wire.len = 0; });
  expect_refused("len out", [](auto& wire) { wire.len = TLSCOPE_HANDSHAKE_MAX + 1; });
  expect_refused("len beyond", [](auto& wire) { ++wire.len; });
  expect_refused("direction", [](auto& wire) { wire.direction = 2; });
  expect_refused("kind", [](auto& wire) { wire.kind = 3; });
  expect_refused("ssl and sock", [](auto& wire) { wire.ssl = 0; });
  expect_refused("family", [](auto& wire) { wire.tuple.family = 99; });
}

TEST(DecoderTest, RefusesConnectionRecordsOutOfRange) {
  tlscope_conn_data wire = testing::MakeConn(7, 3);
  ExpectRefused(BytesOf(wire), "state");
  wire.state = 0;
  ExpectRefused(BytesOf(wire), "state");
  wire = testing::MakeConn(0, TLSCOPE_CONN_OPENED);
  ExpectRefused(BytesOf(wire), "sock");
  wire = testing::MakeConn(7, TLSCOPE_CONN_OPENED);
  wire.tuple.family = 99;
  ExpectRefused(BytesOf(wire), "family");
}

TEST(DecoderTest, NeverQuotesPayloadInAnError) {
  DataRecord record("password");
  record.wire.direction = 9;
  const Result<Record> refused = Decode(record.Encode());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().Describe(), ::testing::Not(::testing::HasSubstr("password")));
}

TEST(DecoderTest, ShowsMappedAddressesAsIpv4) {
  DataRecord record("x");
  record.wire.tuple.family = TLSCOPE_AF_INET6;
  for (std::uint8_t* address : {record.wire.tuple.saddr, record.wire.tuple.daddr}) {
    const std::uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 2};
    std::memcpy(address, mapped, sizeof mapped);
  }
  const testing::Bytes bytes = record.Encode();
  const SSLDataEvent event = DecodeData(bytes);
  EXPECT_EQ(event.tuple.family, AddressFamily::kIpv4);
  const std::array<std::uint8_t, 16> expected = {192, 168, 1, 2};
  EXPECT_EQ(event.tuple.local.address, expected);
  EXPECT_EQ(event.tuple.remote.address, expected);
}

TEST(DecoderTest, KeepsIpv6WhenOnlyOneEndIsMapped) {
  DataRecord record("x");
  record.wire.tuple.family = TLSCOPE_AF_INET6;
  record.wire.tuple.saddr[10] = record.wire.tuple.saddr[11] = 0xff;
  record.wire.tuple.daddr[15] = 1;
  const testing::Bytes bytes = record.Encode();
  const SSLDataEvent event = DecodeData(bytes);
  EXPECT_EQ(event.tuple.family, AddressFamily::kIpv6);
  EXPECT_EQ(event.tuple.remote.address[15], 1);
}

TEST(DecoderTest, IgnoresAddressesOfNoFamilyAndBytesBehindAComm) {
  DataRecord record("x");
  record.wire.tuple.saddr[0] = 1;
  record.wire.header.comm[6] = 'z';
  record.wire.fd = -77;
  const testing::Bytes bytes = record.Encode();
  const SSLDataEvent event = DecodeData(bytes);
  EXPECT_EQ(event.tuple, Tuple{});
  EXPECT_EQ(event.origin.comm(), "curl");
  EXPECT_EQ(event.origin.comm_bytes[6], '\0');
  EXPECT_EQ(event.fd, -1);
}

TEST(DecoderTest, TakesConnectionAndEndRecords) {
  const Result<Record> closed = Decode(BytesOf(testing::MakeConn(7, TLSCOPE_CONN_CLOSED)));
  ASSERT_TRUE(closed);
  EXPECT_EQ(std::get<ConnDataEvent>(*closed).socket, (SocketId{7, 1}));
  EXPECT_EQ(std::get<ConnDataEvent>(*closed).state, ConnDataEvent::State::kClosed);
  EXPECT_EQ(std::get<ConnDataEvent>(*closed).tuple.remote.port, 443);
  const Result<Record> end = Decode(BytesOf(testing::MakeEnd(11, 22)));
  ASSERT_TRUE(end);
  EXPECT_EQ(std::get<SSLEndEvent>(*end).ssl, (SslId{1234, 0x7f00'0000'1000, 1}));
  EXPECT_THAT(std::get<SSLEndEvent>(*end).bytes, ::testing::ElementsAre(11, 22));
}

TEST(DecoderTest, TakesSocketRecordsAndRefusesThoseWithoutASocket) {
  tlscope_ssl_socket wire = testing::MakeSslSocket(9);
  const Result<Record> found = Decode(BytesOf(wire));
  ASSERT_TRUE(found);
  const auto& event = std::get<SSLSocketEvent>(*found);
  EXPECT_EQ(event.ssl, (SslId{1234, 0x7f00'0000'1000, 1}));
  EXPECT_EQ(event.socket, (SocketId{9, 1}));
  EXPECT_EQ(event.provenance, Provenance::kMatched);
  EXPECT_EQ(event.tuple.remote.port, 443);
  EXPECT_EQ(event.fd, 6);
  wire.sock = 0;
  EXPECT_FALSE(Decode(BytesOf(wire)));
  wire = testing::MakeSslSocket(9);
  wire.tuple.provenance = TLSCOPE_SOCK_MATCHED + 1;
  EXPECT_FALSE(Decode(BytesOf(wire)));
  wire = testing::MakeSslSocket(9);
  wire.header.size -= 1;
  EXPECT_FALSE(Decode(BytesOf(wire)));
}

}  // namespace
}  // namespace tlscope
