// SPDX-License-Identifier: Apache-2.0
#include "processor/wire/bus_codec.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "processor/wire/connection_codec.h"
#include "tests/unit/processor/events/event_builders.h"
#include "tests/unit/processor/formats/protobuf_maps.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

constexpr std::size_t kNoLimit = 1U << 20;
constexpr std::int64_t kOffset = 1000;

v1::BusEvent Encode(Topic topic, const BusPayload& payload, std::size_t body_bytes = kNoLimit) {
  std::vector<char> buffer;
  EventKind kind{};
  v1::BusEvent event;
  const std::string_view bytes = EncodePayload(topic, payload, {kOffset, body_bytes}, buffer, kind);
  EXPECT_TRUE(event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  // Canonical: what the library makes of it again is the same bytes.
  EXPECT_EQ(event.SerializeAsString(), bytes);
  event.set_kind(static_cast<v1::EventKind>(kind));
  return event;
}

void ExpectEvent(Topic topic, const BusPayload& payload, const std::string& expected) {
  v1::BusEvent event;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(expected, &event)) << expected;
  const v1::BusEvent encoded = Encode(topic, payload);
  std::string difference;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(event, encoded)) << difference;
}

const std::string kConnection = R"(connection {
  pid: 42 tid: 43 comm: "curl" fd: 0 uuid: "u"
  local { address: "\n\000\000\007" port: 54321 }
  remote { address: "\135\270\330\042" port: 443 }
  tls_version: 0x0304 server_name: "example.org" protocol: "h2" })";

TEST(BusCodecTest, WritesEveryFieldOfAMessage) {
  const ConnectionInfo connection = testing::FullConnection();
  const Message message = testing::FullMessage();
  ExpectEvent(Topic::kHttpResponse, MessageEvent{connection, DataType::kWrite, "u", message},
              "kind: MESSAGE_DECODED " + kConnection + R"( message_decoded {
                direction: WRITE parser: 4 packet: 1 incomplete: true resynchronised: true
                head: ":status: 200\r\n\r\n" body: "bo\000dy\377"
                trailers: "grpc-status: 0\r\n"
                gaps { position: 2 bytes: 10 } gaps { position: 3 } content_bytes: 100 cut_bytes: 5
                decoded_from: "gzip, br" decode_error: "broken" part: 3 last_part: true frame: 3
                close_code: 1001 stream_id: 7 never_indexed: "authorization, cookie" grpc: true
                rpc: "/p.S/M" method: "GET" target: "/" status: 200 exchange: 9
                first_unix_ns: 1000001001 last_unix_ns: 2000001002 })");
}

TEST(BusCodecTest, TellsWhatItLeavesOutOfABodyAsCut) {
  const ConnectionInfo connection;
  Message message;
  message.body = "0123456789";
  message.gaps = {{3, 5}, {8, 20}};
  message.cut_bytes = 100;
  const v1::MessageDecoded short_one =
      Encode(Topic::kTlsData, MessageEvent{connection, DataType::kRead, "", message}, 4)
          .message_decoded();
  EXPECT_EQ(short_one.body(), "0123");
  ASSERT_EQ(short_one.gaps_size(), 1);
  EXPECT_EQ(short_one.cut_bytes(), 100U + 6 + 20);
}

TEST(BusCodecTest, BoundsTheGapsOfABody) {
  const ConnectionInfo connection;
  Message message;
  message.body.assign(10'000, 'x');
  for (std::uint64_t i = 0; i < 5'000; ++i) message.gaps.push_back({2 * i, 1});
  const v1::MessageDecoded bounded =
      Encode(Topic::kTlsData, MessageEvent{connection, DataType::kRead, "", message})
          .message_decoded();
  EXPECT_LE(bounded.gaps_size(), 1024);
  std::uint64_t bytes = bounded.body().size() + bounded.cut_bytes();
  for (const v1::BodyGap& gap : bounded.gaps()) bytes += gap.bytes();
  EXPECT_EQ(bytes, 15'000U) << "nothing goes missing from the sum";
}

TEST(BusCodecTest, WritesNestedMessagesOfAnySize) {
  const ConnectionInfo connection;
  Message message;
  // Around the sizes at which the length before a nested message takes one byte more.
  for (const std::size_t around : {128U, 16384U, 2097152U}) {
    for (std::size_t size = around - 120; size < around + 4; ++size) {
      message.head.assign(size, 'x');
      const v1::BusEvent event =
          Encode(Topic::kTlsData, MessageEvent{connection, DataType::kRead, "", message});
      ASSERT_EQ(event.message_decoded().head().size(), size);
    }
  }
}

TEST(BusCodecTest, WritesWhatHappensToConnections) {
  const ConnectionInfo connection = testing::FullConnection();
  ConnDataEvent socket;
  ExpectEvent(Topic::kConnOpened, ConnectionEvent{connection, "u", socket},
              "kind: CONNECTION_OPENED " + kConnection + " connection_opened {}");
  socket.state = ConnDataEvent::State::kClosed;
  ExpectEvent(Topic::kConnClosed, ConnectionEvent{connection, "u", socket},
              "kind: CONNECTION_CLOSED " + kConnection + " connection_closed {}");
  ExpectEvent(Topic::kTlsLost, LossEvent{connection, DataType::kWrite, "u", 77, 1},
              "kind: EVENTS_LOST " + kConnection + " events_lost { direction: WRITE bytes: 77 }");
  ExpectEvent(Topic::kHttpExchange,
              ExchangeEvent{connection, "u", "GET", "/", "h", 200, 1, 2, 3, 0, 5, 6},
              "kind: EXCHANGE_COMPLETED " + kConnection + R"( exchange_completed {
                method: "GET" target: "/" host: "h" status: 200 request_bytes: 1 response_bytes: 2
                request_unix_ns: 1003 last_byte_unix_ns: 1005 exchange: 6 })");
  const FrameRecord frame{"HEADERS", "END_STREAM", 3, 20, "detail", 1};
  ExpectEvent(Topic::kHttpFrame, FrameEvent{connection, DataType::kRead, "u", frame},
              "kind: FRAME_DECODED " + kConnection + R"( frame_decoded {
                type: "HEADERS" flags: "END_STREAM" stream_id: 3 length: 20
                frame_detail: "detail" })");
  ExpectEvent(Topic::kTlsPlaintext, PlaintextEvent{connection, DataType::kWrite, "u", 9, "abc", 1},
              "kind: PLAINTEXT_SEEN " + kConnection + R"( plaintext_seen {
                direction: WRITE stream_offset: 9 data: "abc" })");
}

TEST(BusCodecTest, WritesWhatHandshakesTell) {
  using Kind = SSLHandshakeEvent::Kind;
  const ConnectionInfo connection = testing::FullConnection();
  const HandshakeFacts told{0x0303, "b.example", "http/1.1"};
  const std::vector<std::string_view> offers{"h2", "http/1.1"};
  const auto event = [&](Kind kind) {
    return HandshakeEvent{connection, DataType::kWrite, "u", kind, told, offers, 1};
  };
  ExpectEvent(Topic::kTlsHandshake, event(Kind::kClientHello),
              "kind: SERVER_NAME_FOUND " + kConnection + R"( server_name_found {
                direction: WRITE server_name: "b.example" offered_protocols: "h2"
                offered_protocols: "http/1.1" })");
  ExpectEvent(Topic::kTlsHandshake, event(Kind::kServerHello),
              "kind: TLS_VERSION_DETECTED " + kConnection +
                  " tls_version_detected { direction: WRITE version: 0x0303 }");
  ExpectEvent(Topic::kTlsHandshake, event(Kind::kProtocol),
              "kind: PROTOCOL_DETECTED " + kConnection +
                  R"( protocol_detected { direction: WRITE protocol: "http/1.1" source: ALPN })");
  ExpectEvent(Topic::kTlsProtocol, ProtocolEvent{connection, DataType::kRead, "u", "WebSocket"},
              "kind: PROTOCOL_DETECTED " + kConnection +
                  R"( protocol_detected { protocol: "WebSocket" source: CONTENT })");
}

TEST(BusCodecTest, WritesWhatTheAgentSaysOfItself) {
  const std::vector<std::string> arguments{"tlscope", "capture"};
  ExpectEvent(Topic::kAgentLifecycle,
              CaptureStartedEvent{"1.0", "host", "default", 7, "6.1", arguments},
              R"(kind: CAPTURE_STARTED capture_started { version: "1.0" host: "host"
                 instance: "default" pid: 7 kernel: "6.1" arguments: "tlscope"
                 arguments: "capture" })");
  ExpectEvent(Topic::kAgentLifecycle, CaptureCompletedEvent{1, 2, 3, "signal"},
              R"(kind: CAPTURE_COMPLETED capture_completed {
                 messages: 1 bytes: 2 lost_bytes: 3 reason: "signal" })");
  ExpectEvent(Topic::kAgentLifecycle, CaptureCancelledEvent{"why"},
              R"(kind: CAPTURE_CANCELLED capture_cancelled { reason: "why" })");
  ExpectEvent(Topic::kAgentLifecycle, CapturePausedEvent{},
              "kind: CAPTURE_PAUSED capture_paused {}");
  ExpectEvent(Topic::kAgentLifecycle, CaptureResumedEvent{5},
              "kind: CAPTURE_RESUMED capture_resumed { skipped_bytes: 5 }");
  ExpectEvent(Topic::kAgentConfig, ConfigChangedEvent{"k", "a", "b"},
              R"(kind: CONFIG_CHANGED config_changed { key: "k" old_value: "a" new_value: "b" })");
  ExpectEvent(Topic::kAgentTask, CommandEvent{"pause", 1, 2, "no"},
              R"(kind: COMMAND_RECEIVED
                 command_received { command: "pause" uid: 1 pid: 2 error: "no" })");
  ExpectEvent(Topic::kAgentTask, ProgressEvent{"t", 1, 2, "u"},
              R"(kind: PROGRESS_UPDATE progress_update { task: "t" done: 1 total: 2 unit: "u" })");
  ExpectEvent(Topic::kAgentTask, StageEvent{Stage::kPaused, Stage::kCapturing},
              R"(kind: STAGE_CHANGED stage_changed { stage: "paused" previous: "capturing" })");
}

TEST(BusCodecTest, WritesWhatTheAgentFindsAndHowItIs) {
  TLSCOPE_NEEDS_PROTOBUF_MAPS();
  ExpectEvent(Topic::kProcessDiscovered, ProcessEvent{1, "nginx", "/lib"},
              R"(kind: PROCESS_DISCOVERED
                 process_discovered { pid: 1 comm: "nginx" library: "/lib" })");
  for (const auto& [topic, state] :
       {std::pair(Topic::kLibraryAttached, "ATTACHED"), std::pair(Topic::kLibraryFailed, "FAILED"),
        std::pair(Topic::kLibraryDetached, "DETACHED")}) {
    ExpectEvent(topic, LibraryEvent{"/lib", "e"},
                R"(kind: LIBRARY_FOUND library_found { path: "/lib" error: "e" state: )" +
                    std::string(state) + "}");
  }
  const std::vector<std::pair<std::string, std::string>> labels{{"cause", "fault"}};
  ExpectEvent(Topic::kHealthStatus, MetricEvent{"m", labels, 0},
              R"(kind: METRIC_RECORDED
                 metric_recorded { name: "m" labels { key: "cause" value: "fault" } value: 0 })");
  ExpectEvent(Topic::kHealthDiagnostics, WarningEvent{"w"},
              R"(kind: WARNING_ISSUED warning_issued { text: "w" })");
  ExpectEvent(Topic::kTlsLost, RateLimitEvent{10, 3, 1},
              "kind: RATE_LIMIT_TRIGGERED "
              "rate_limit_triggered { limit_per_second: 10 dropped: 3 }");
  ExpectEvent(Topic::kHealthDiagnostics, RetryEvent{"w", "r", 30},
              R"(kind: RETRY_SCHEDULED retry_scheduled { what: "w" reason: "r" delay_ms: 30 })");
  ExpectEvent(Topic::kHealthHeartbeat, HeartbeatEvent{1, 2, 3, Stage::kCapturing},
              R"(kind: HEARTBEAT
                 heartbeat { beat: 1 uptime_ns: 2 interval_ms: 3 stage: "capturing" })");
}

TEST(BusCodecTest, MakesUtf8OfNamesThatOthersChose) {
  const v1::BusEvent event =
      Encode(Topic::kProcessDiscovered, ProcessEvent{1, "a\xff\xc3", "/lib/\xc3\xa9\x80"});
  EXPECT_EQ(event.process_discovered().comm(), "a??");
  EXPECT_EQ(event.process_discovered().library(), "/lib/\xc3\xa9?");
}

TEST(BusCodecTest, CutsTextsThatAreTooLong) {
  const std::string text(2 * kMaxTextBytes, 'x');
  EXPECT_EQ(Encode(Topic::kHealthDiagnostics, WarningEvent{text}).warning_issued().text().size(),
            kMaxTextBytes);
}

TEST(BusCodecTest, WritesWhatEveryEventSays) {
  const std::string tags = EncodeTags({"env=test", "zone=a"});
  std::string bytes(MaxStampBytes(tags.size()), '\0');
  bytes.resize(EncodeStamp({.topic = Topic::kTlsLost,
                            .kind = EventKind::kEventsLost,
                            .topic_sequence = 4,
                            .time_unix_ns = 5,
                            .correlation = {6, 7, 8, Stage::kPaused},
                            .root_sequence = 9},
                           tags, bytes.data()));
  v1::BusEvent event;
  ASSERT_TRUE(event.ParseFromString(bytes));
  EXPECT_EQ(event.SerializeAsString(), bytes);
  EXPECT_EQ(event.ShortDebugString(),
            "sequence: 4 time_unix_ns: 5 topic: \"events.tls.lost\" kind: EVENTS_LOST "
            "correlation { id: 6 parent_id: 7 root_id: 8 sequence: 9 stage: \"paused\" "
            "tags: \"env=test\" tags: \"zone=a\" }");
}

TEST(BusCodecTest, HostileTimesWrap) {
  EXPECT_EQ(UnixNsOf(0, INT64_MAX), 0);
  EXPECT_EQ(UnixNsOf(1, INT64_MAX), INT64_MIN);
  EXPECT_EQ(UnixNsOf(UINT64_MAX, INT64_MIN), INT64_MAX);
}

TEST(BusCodecTest, NumbersKindsAsTheSchemaDoes) {
  for (const auto& [ours, theirs] : {std::pair(EventKind::kCaptureStarted, v1::CAPTURE_STARTED),
                                     std::pair(EventKind::kCommandReceived, v1::COMMAND_RECEIVED),
                                     std::pair(EventKind::kConnectionClosed, v1::CONNECTION_CLOSED),
                                     std::pair(EventKind::kFrameDecoded, v1::FRAME_DECODED),
                                     std::pair(EventKind::kStageChanged, v1::STAGE_CHANGED),
                                     std::pair(EventKind::kHeartbeat, v1::HEARTBEAT)}) {
    EXPECT_EQ(static_cast<int>(ours), static_cast<int>(theirs));
  }
}

}  // namespace
}  // namespace tlscope
