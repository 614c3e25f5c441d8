// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/protobuf_format.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "processor/wire/bus_event_reader.h"
#include "processor/wire/delimited.h"
#include "processor/wire/log_entry_reader.h"
#include "tests/unit/processor/wire/stream_payloads.h"
#include "tlscope/v1/output.pb.h"

namespace tlscope {
namespace {

using ::testing::Test;

ProtobufFormatOptions Options() {
  ProtobufFormatOptions options;
  options.realtime_offset_ns = 1000;
  options.version = "1.2";
  options.pid = 7;
  options.agent = {"host", "default", 99};
  options.tags = {"env=test", "zone=a"};
  return options;
}

/// The entries that stand behind each other in `bytes`.
std::vector<v1::LogEntry> EntriesOf(const std::string& bytes) {
  DelimitedReader reader(1 << 30);
  reader.Append(bytes);
  std::vector<v1::LogEntry> entries;
  for (std::string_view entry; reader.Next(entry) == DelimitedReader::Status::kMessage;) {
    EXPECT_TRUE(ParseMessage(entry, entries.emplace_back()));
    // Canonical: what the library makes of it again is the same bytes.
    EXPECT_EQ(entries.back().SerializeAsString(), entry);
  }
  EXPECT_FALSE(reader.holds_bytes());
  return entries;
}

v1::LogEntry Written(ProtobufFormat& format, const BusPayload& payload) {
  std::string out;
  format.Append(payload, out);
  std::vector<v1::LogEntry> entries = EntriesOf(out);
  EXPECT_EQ(entries.size(), 1U);
  return entries.empty() ? v1::LogEntry() : entries.front();
}

void ExpectEntry(const v1::LogEntry& entry, const std::string& text) {
  v1::LogEntry expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &expected)) << text;
  std::string difference;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(expected, entry)) << difference;
}

TEST(ProtobufFormatTest, WritesEveryFieldOfAMessage) {
  ProtobufFormat format(Options());
  const testing::StreamPayloads payloads;
  ExpectEntry(Written(format, payloads.message()), R"(
    log_type: LOG_TYPE_EVENT sequence: 1
    event_payload {
      timestamp: 2000001002 uuid: "u" pid: 42 pname: "curl"
      src_ip: "::1" src_port: 54321 dst_ip: "2001:db8::" dst_port: 443
      type: 4 length: 38 payload: ":status: 200\r\n\r\nbo\000dy\377grpc-status: 0\r\n"
      direction: WRITE head_bytes: 16 trailer_bytes: 16 connection_id: 0x123456789abcdef0
      connection { tid: 43 fd: 0 tls_version: 0x0304 server_name: "example.org" protocol: "h\377" }
      message {
        packet: 1 incomplete: true resynchronised: true
        gaps { position: 2 bytes: 10 } gaps { position: 3 } content_bytes: 100 cut_bytes: 5
        decoded_from: "gzip, br" decode_error: "broken" part: 3 last_part: true frame: 3
        close_code: 1001 stream_id: 7 never_indexed: "authorization, cookie" grpc: true
        rpc: "/p.S/M" method: "GET" target: "/" status: 200 exchange: 9
        first_unix_ns: 1000001001 last_unix_ns: 2000001002
      }
      tags: "env=test" tags: "zone=a"
    })");
}

TEST(ProtobufFormatTest, WritesWhatElseIsKnownOfAConnectionAsTheBusDoes) {
  ProtobufFormat format(Options());
  const testing::StreamPayloads payloads;
  std::uint64_t sequence = 0;
  for (const BusPayload& payload : payloads.all()) {
    const v1::LogEntry entry = Written(format, payload);
    EXPECT_EQ(entry.sequence(), ++sequence);
    if (std::holds_alternative<MessageEvent>(payload)) continue;
    const v1::BusEvent& event = entry.bus_event();
    EXPECT_EQ(entry.log_type(), v1::LOG_TYPE_BUS_EVENT);
    EXPECT_TRUE(event.topic().starts_with("events.")) << event.topic();
    EXPECT_EQ(event.correlation().tags_size(), 2);
    EventKind kind{};
    std::vector<char> buffer;
    const std::string_view detail =
        EncodePayload(Topic::kTlsLost, payload, {1000, 1 << 20}, buffer, kind);
    EXPECT_EQ(event.kind(), static_cast<int>(kind));
    v1::BusEvent expected;
    ASSERT_TRUE(ParseMessage(detail, expected));
    expected.set_time_unix_ns(event.time_unix_ns());
    expected.set_topic(event.topic());
    expected.set_kind(event.kind());
    *expected.mutable_correlation() = event.correlation();
    EXPECT_EQ(event.SerializeAsString(), expected.SerializeAsString());
    const bool of_connection = !std::holds_alternative<RateLimitEvent>(payload);
    EXPECT_EQ(event.correlation().root_id(), of_connection ? 0x1234'5678'9abc'def0U : 0U);
  }
}

TEST(ProtobufFormatTest, TellsWhenAProtocolWasFoundOut) {
  ProtobufFormat format(Options());
  const ConnectionInfo connection;
  const v1::LogEntry entry =
      Written(format, ProtocolEvent{connection, DataType::kRead, "u", "HTTP", 5000});
  EXPECT_EQ(entry.bus_event().time_unix_ns(), 6000);
}

TEST(ProtobufFormatTest, TimesThatNoClockTellsGoRound) {
  ProtobufFormatOptions options = Options();
  options.realtime_offset_ns = std::numeric_limits<std::int64_t>::max();
  ProtobufFormat format(options);
  const v1::LogEntry entry =
      Written(format, RateLimitEvent{1, 2, std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(entry.bus_event().time_unix_ns(), -2);
}

TEST(ProtobufFormatTest, WritesNoEventsOfTheAgentAndNumbersNone) {
  ProtobufFormat format(Options());
  std::string out;
  format.Append(WarningEvent{"w"}, out);
  format.Append(CapturePausedEvent{}, out);
  EXPECT_EQ(out, "");
  EXPECT_EQ(Written(format, RateLimitEvent{1, 2, 3}).sequence(), 1U);
}

TEST(ProtobufFormatTest, BeginsWithAHello) {
  ProtobufFormatOptions options = Options();
  options.plaintext = true;
  const ProtobufFormat format(options);
  const std::string hello = R"(log_type: LOG_TYPE_HELLO hello {
    agent { host: "host" instance: "default" stream_id: 99 } version: "1.2" pid: 7
    plaintext: true )";
  ExpectEntry(EntriesOf(format.Start()).at(0), hello + "}");
  ExpectEntry(EntriesOf(format.Hello(5)).at(0), hello + "next_sequence: 5 }");
}

TEST(ProtobufFormatTest, WritesBareEntriesForCarriersThatKeepMessagesApart) {
  ProtobufFormatOptions options = Options();
  options.delimited = false;
  ProtobufFormat format(options);
  EXPECT_EQ(format.Start(), "");
  std::string out;
  format.Append(RateLimitEvent{1, 2, 3}, out);
  v1::LogEntry entry;
  ASSERT_TRUE(ParseMessage(out, entry));
  EXPECT_TRUE(entry.has_bus_event());
}

TEST(ProtobufFormatTest, NamesAnotherAgentAndKeepsWhatItWrote) {
  ProtobufFormat format(Options());
  const AgentIdentity other{"other", "second", 5};
  format.SetAgent(&other);
  const v1::LogEntry own = Written(format, RateLimitEvent{1, 2, 3});
  EXPECT_EQ(own.agent().host(), "other");

  v1::LogEntry entry;
  entry.set_sequence(77);
  entry.mutable_event_payload()->set_pname("curl");
  std::string out;
  format.AppendEntry(entry.SerializeAsString(), out);
  entry.mutable_agent()->set_host("other");
  entry.mutable_agent()->set_instance("second");
  entry.mutable_agent()->set_stream_id(5);
  EXPECT_EQ(EntriesOf(out).at(0).SerializeAsString(), entry.SerializeAsString());
}

TEST(ProtobufFormatTest, WritesMessagesOfAnySize) {
  ProtobufFormat format(Options());
  testing::StreamPayloads payloads;
  // Around the sizes at which a length takes one byte more.
  for (const std::size_t around : {128U, 16384U, 2097152U}) {
    for (std::size_t size = around - 220; size<around + 4; size += around> 20000 ? 37 : 1) {
      payloads.message_.body.assign(size, 'x');
      ASSERT_EQ(Written(format, payloads.message()).event_payload().length(), size + 32);
    }
  }
}

TEST(ProtobufFormatTest, TellsGapsBeyondItsLimitAsCut) {
  ProtobufFormat format(Options());
  testing::StreamPayloads payloads;
  Message& message = payloads.message_;
  message.body.assign(10'000, 'x');
  message.gaps.clear();
  message.cut_bytes = 0;
  for (std::uint64_t i = 0; i < 5'000; ++i) message.gaps.push_back({2 * i, 1});
  const v1::Event event = Written(format, payloads.message()).event_payload();
  std::uint64_t bytes = event.payload().size() - event.head_bytes() - event.trailer_bytes();
  bytes += event.message().cut_bytes();
  for (const v1::BodyGap& gap : event.message().gaps()) bytes += gap.bytes();
  EXPECT_LT(event.message().gaps_size(), 5'000);
  EXPECT_EQ(bytes, 15'000U) << "nothing goes missing from the sum";
}

/// What is written, read and written again with no offset is the same.
TEST(LogEntryReaderTest, GivesEveryPayloadBackWhole) {
  ProtobufFormat format(Options());
  ProtobufFormatOptions options = Options();
  options.realtime_offset_ns = 0;
  ProtobufFormat again(options);
  LogEntryReader reader;
  const testing::StreamPayloads payloads;
  for (const BusPayload& payload : payloads.all()) {
    const v1::LogEntry entry = Written(format, payload);
    const BusPayload* const read = reader.Read(entry);
    ASSERT_NE(read, nullptr) << entry.ShortDebugString();
    EXPECT_EQ(read->index(), payload.index());
    EXPECT_EQ(Written(again, *read).DebugString(), entry.DebugString());
  }
}

TEST(LogEntryReaderTest, GivesAMessageBackWhole) {
  ProtobufFormat format(Options());
  const testing::StreamPayloads payloads;
  LogEntryReader reader;
  const v1::LogEntry entry = Written(format, payloads.message());
  const auto& read = std::get<MessageEvent>(*reader.Read(entry));
  Message expected = payloads.message_;
  expected.first_ktime_ns += 1000;
  expected.last_ktime_ns += 1000;
  EXPECT_EQ(read.message, expected);
  EXPECT_EQ(read.connection.tuple, payloads.connection_.tuple);
  EXPECT_EQ(read.connection.correlation.root, payloads.connection_.correlation.root);
  EXPECT_EQ(read.connection.handshake.server_name, "example.org");
}

TEST(LogEntryReaderTest, MakesNothingOfWhatIsNoEvent) {
  LogEntryReader reader;
  v1::LogEntry entry;
  EXPECT_EQ(reader.Read(entry), nullptr);
  entry.mutable_hello();
  EXPECT_EQ(reader.Read(entry), nullptr);
  entry.mutable_bus_event()->set_topic("of a newer agent");
  EXPECT_EQ(reader.Read(entry), nullptr);
}

TEST(LogEntryReaderTest, DoesNotTrustSizes) {
  LogEntryReader reader;
  v1::LogEntry entry;
  v1::Event& event = *entry.mutable_event_payload();
  event.set_payload("0123456789");
  event.mutable_message()->set_head("not here");
  for (const auto& [head, trailers] :
       {std::pair(11U, 0U), std::pair(0U, 11U), std::pair(6U, 5U), std::pair(~0U, ~0U)}) {
    event.set_head_bytes(head);
    event.set_trailer_bytes(trailers);
    const auto& read = std::get<MessageEvent>(*reader.Read(entry));
    EXPECT_EQ(read.message.head + read.message.trailers, "");
    EXPECT_EQ(read.message.body, "0123456789");
  }
  event.set_head_bytes(4);
  event.set_trailer_bytes(6);
  const auto& read = std::get<MessageEvent>(*reader.Read(entry));
  EXPECT_EQ(read.message.head, "0123");
  EXPECT_EQ(read.message.body, "");
  EXPECT_EQ(read.message.trailers, "456789");
}

TEST(LogEntryReaderTest, MakesNamesPrintable) {
  LogEntryReader reader;
  v1::LogEntry entry;
  entry.mutable_event_payload()->set_pname("a, b\n\x1b[0m");
  entry.mutable_event_payload()->set_uuid("u\r\n");
  entry.mutable_event_payload()->mutable_connection()->set_server_name("n\n");
  entry.mutable_event_payload()->mutable_message()->set_decode_error("e\n");
  const auto& message = std::get<MessageEvent>(*reader.Read(entry));
  EXPECT_EQ(message.connection.comm, "a? b??[0m");
  EXPECT_EQ(message.uuid, "u??");
  EXPECT_EQ(message.connection.handshake.server_name, "n?");
  EXPECT_EQ(message.message.decode_error, "e?");
  v1::FrameDecoded& frame = *entry.mutable_bus_event()->mutable_frame_decoded();
  frame.set_type("T\n");
  frame.set_frame_detail("\xff");
  const auto& read = std::get<FrameEvent>(*reader.Read(entry));
  EXPECT_EQ(read.frame.type, "T?");
  EXPECT_EQ(read.frame.detail, "?");
}

}  // namespace
}  // namespace tlscope
