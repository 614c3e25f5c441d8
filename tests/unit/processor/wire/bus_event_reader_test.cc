// SPDX-License-Identifier: Apache-2.0
#include "processor/wire/bus_event_reader.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "processor/bus/event_bus.h"
#include "processor/formats/json_format.h"
#include "processor/formats/line_format.h"
#include "processor/formats/text_format.h"
#include "tests/unit/processor/events/event_builders.h"
#include "tests/unit/processor/formats/protobuf_maps.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

// CLOCK_REALTIME minus CLOCK_MONOTONIC, as a bus and a format are told it.
constexpr std::int64_t kOffsetNs = 1'795'000'000'000'000'000;

/// Publishes payloads and compares what formats make of them with what they make of what comes
/// back.
class BusEventReaderTest : public ::testing::Test {
 protected:
  BusEventReaderTest() {
    bus_.StartRecording();
    subscription_ = bus_.Subscribe(SubscribeOptions{.topics = TopicsOf("#")});
  }

  v1::BusEvent Published(Topic topic, const BusPayload& payload) {
    publisher_.Publish(topic, EventMeta{1'234'567'891, connection_.correlation}, payload);
    v1::BusEvent event;
    EXPECT_EQ(
        subscription_->Poll(2,
                            [&](const BusRecord& record) {
                              EXPECT_TRUE(event.ParseFromArray(
                                  record.bytes.data(), static_cast<int>(record.bytes.size())));
                            }),
        1U);
    return event;
  }

  void ExpectSameText(Topic topic, const BusPayload& payload) {
    const v1::BusEvent event = Published(topic, payload);
    const BusPayload* const read = reader_.Read(event);
    ASSERT_NE(read, nullptr) << event.ShortDebugString();
    EXPECT_EQ(read->index(), payload.index());
    TextFormatOptions options;
    TextFormat returned(options);
    options.realtime_offset_ns = kOffsetNs;
    TextFormat direct(options);
    LineFormat returned_line(0);
    LineFormat direct_line(kOffsetNs);
    EXPECT_EQ(Written(returned, *read), Written(direct, payload));
    EXPECT_EQ(Written(returned_line, *read), Written(direct_line, payload));
    JsonFormat returned_json(0);
    JsonFormat direct_json(kOffsetNs);
    EXPECT_EQ(Written(returned_json, *read), Written(direct_json, payload));
  }

  static std::string Written(Format& format, const BusPayload& payload) {
    std::string out;
    format.Append(payload, out);
    return out;
  }

  EventBus bus_{EventBusOptions{.realtime_offset_ns = kOffsetNs}};
  BusPublisher& publisher_ = bus_.MakePublisher();
  std::unique_ptr<Subscription> subscription_;
  ConnectionInfo connection_ = testing::FullConnection();
  BusEventReader reader_;
};

TEST_F(BusEventReaderTest, GivesAMessageBackWhole) {
  Message message = testing::FullMessage();
  ExpectSameText(Topic::kHttpResponse,
                 MessageEvent{connection_, DataType::kRead, "42_43_curl_0_0", message});
  const v1::BusEvent event =
      Published(Topic::kHttpResponse, MessageEvent{connection_, DataType::kWrite, "u", message});
  const auto& read = std::get<MessageEvent>(*reader_.Read(event));
  message.first_ktime_ns += static_cast<std::uint64_t>(kOffsetNs);
  message.last_ktime_ns += static_cast<std::uint64_t>(kOffsetNs);
  EXPECT_EQ(read.message, message);
  EXPECT_EQ(read.direction, DataType::kWrite);
  EXPECT_EQ(read.uuid, "u");
  EXPECT_EQ(read.connection.tuple, connection_.tuple);
  EXPECT_EQ(read.connection.fd, 0);
  EXPECT_EQ(read.connection.handshake.version, 0x0304);
  EXPECT_EQ(read.connection.handshake.server_name, "example.org");
}

TEST_F(BusEventReaderTest, ForgetsTheEventBefore) {
  const v1::BusEvent full =
      Published(Topic::kHttpResponse,
                MessageEvent{connection_, DataType::kRead, "u", testing::FullMessage()});
  const v1::BusEvent bare =
      Published(Topic::kTlsData, MessageEvent{ConnectionInfo(), DataType::kRead, "", Message()});
  ASSERT_NE(reader_.Read(full), nullptr);
  const auto& read = std::get<MessageEvent>(*reader_.Read(bare));
  EXPECT_EQ(read.message, Message());
  EXPECT_EQ(read.connection.fd, -1);
  EXPECT_EQ(read.connection.tuple, Tuple());
}

TEST_F(BusEventReaderTest, GivesAnIpv6WebSocketMessageBack) {
  connection_.tuple.family = AddressFamily::kIpv6;
  connection_.tuple.local.address[15] = 1;
  Message message;
  message.parser = ParserType::kWebSocket;
  message.packet = PacketType::kWebSocket;
  message.frame = FrameKind::kClose;
  message.close_code = 1001;
  message.first_ktime_ns = 1;
  message.body = std::string("\0\xff", 2);
  ExpectSameText(Topic::kWebSocketMessage,
                 MessageEvent{connection_, DataType::kWrite, "u", message});
}

TEST_F(BusEventReaderTest, GivesBackWhatElseIsKnownOfAConnection) {
  ExpectSameText(Topic::kHttpExchange,
                 ExchangeEvent{connection_, "u", "GET", "/x", "example.org", 200, 1, 2,
                               1'000'000'000, 1'500'000'000, 2'000'000'000, 77});
  ExpectSameText(Topic::kHttpExchange,
                 ExchangeEvent{connection_, "u", {}, {}, {}, 0, 0, 0, 1, 0, 0});
  ExpectSameText(Topic::kTlsLost, LossEvent{connection_, DataType::kRead, "u", 17, 1'234'567'891});
  ExpectSameText(Topic::kTlsProtocol,
                 ProtocolEvent{connection_, DataType::kRead, "u", "http/1.1", 1'234'567'891});
  ConnDataEvent opened;
  opened.origin.ktime_ns = 1'234'567'891;
  ExpectSameText(Topic::kConnOpened, ConnectionEvent{connection_, "u", opened});
  opened.state = ConnDataEvent::State::kClosed;
  ExpectSameText(Topic::kConnClosed, ConnectionEvent{connection_, "u", opened});
}

TEST_F(BusEventReaderTest, GivesPlaintextBack) {
  // Which has to be asked for by its name.
  subscription_ = bus_.Subscribe(SubscribeOptions{.topics = Only(Topic::kTlsPlaintext)});
  const std::string data("pl\0in\xff", 6);
  const v1::BusEvent event =
      Published(Topic::kTlsPlaintext,
                PlaintextEvent{connection_, DataType::kWrite, "u", 1U << 20, data, 1'234'567'891});
  const BusPayload* const read = reader_.Read(event);
  ASSERT_NE(read, nullptr) << event.ShortDebugString();
  const auto& plaintext = std::get<PlaintextEvent>(*read);
  EXPECT_EQ(plaintext.data, data);
  EXPECT_EQ(plaintext.stream_offset, 1U << 20);
  EXPECT_EQ(plaintext.direction, DataType::kWrite);
  EXPECT_EQ(plaintext.uuid, "u");
  EXPECT_EQ(plaintext.ktime_ns, static_cast<std::uint64_t>(kOffsetNs) + 1'234'567'891);
  EXPECT_EQ(plaintext.connection.tuple, connection_.tuple);
}

TEST_F(BusEventReaderTest, GivesHandshakesBack) {
  const std::vector<std::string_view> offers = {"h2", "http/1.1"};
  const std::vector<std::string_view> none;
  HandshakeFacts told;
  told.server_name = "example.org";
  const auto expect = [&](SSLHandshakeEvent::Kind kind, const auto& offered) {
    ExpectSameText(Topic::kTlsHandshake, HandshakeEvent{connection_, DataType::kWrite, "u", kind,
                                                        told, offered, 1'234'567'891});
  };
  expect(SSLHandshakeEvent::Kind::kClientHello, offers);
  told = {0x0303, {}, {}};
  expect(SSLHandshakeEvent::Kind::kServerHello, none);
  told = {0, {}, "h2"};
  expect(SSLHandshakeEvent::Kind::kProtocol, none);
}

TEST_F(BusEventReaderTest, GivesBackWhatTheAgentSaysOfItself) {
  TLSCOPE_NEEDS_PROTOBUF_MAPS();
  const std::vector<std::string> arguments = {"tlscope", "capture"};
  const std::vector<std::pair<std::string, std::string>> labels = {{"a", "b"}, {"c", "d"}};
  const std::vector<std::pair<Topic, BusPayload>> payloads = {
      {Topic::kProcessDiscovered, ProcessEvent{1, "nginx", "/lib/libssl.so"}},
      {Topic::kLibraryAttached, LibraryEvent{"/lib/libssl.so", {}}},
      {Topic::kAgentLifecycle, CaptureStartedEvent{"1", "host", "default", 2, "6.1", arguments}},
      {Topic::kAgentLifecycle, CaptureCompletedEvent{1, 2, 3, "signal"}},
      {Topic::kAgentLifecycle, CaptureCancelledEvent{"why"}},
      {Topic::kAgentLifecycle, CapturePausedEvent{}},
      {Topic::kAgentLifecycle, CaptureResumedEvent{5}},
      {Topic::kAgentConfig, ConfigChangedEvent{"k", "1", "2"}},
      {Topic::kAgentTask, CommandEvent{"pause", 0, 9, {}}},
      {Topic::kAgentTask, ProgressEvent{"t", 1, 2, "bytes"}},
      {Topic::kAgentTask, StageEvent{Stage::kPaused, Stage::kCapturing}},
      {Topic::kHealthStatus, MetricEvent{"m", labels, 0.5}},
      {Topic::kHealthDiagnostics, WarningEvent{"w"}},
      {Topic::kTlsLost, RateLimitEvent{10, 20, 1}},
      {Topic::kHealthDiagnostics, RetryEvent{"w", "r", 100}},
      {Topic::kHealthHeartbeat, HeartbeatEvent{1, 2, 3, Stage::kDraining}}};
  for (const auto& [topic, payload] : payloads) {
    const v1::BusEvent event = Published(topic, payload);
    const BusPayload* const read = reader_.Read(event);
    ASSERT_NE(read, nullptr) << event.ShortDebugString();
    EXPECT_EQ(read->index(), payload.index());
    // What is published of what came back is the same but for its number and time.
    v1::BusEvent second = Published(topic, *read);
    second.set_sequence(event.sequence());
    second.mutable_correlation()->set_sequence(event.correlation().sequence());
    EXPECT_EQ(second.DebugString(), event.DebugString());  // sorts maps
  }
}

TEST_F(BusEventReaderTest, MakesNothingOfAnEventThatItDoesNotKnow) {
  EXPECT_EQ(reader_.Read(v1::BusEvent()), nullptr);
}

TEST_F(BusEventReaderTest, TakesNumbersOutOfTheirRangeForUnknown) {
  v1::BusEvent event;
  event.mutable_message_decoded()->set_parser(200);
  event.mutable_message_decoded()->set_frame(6);
  event.mutable_message_decoded()->set_status(70'000);
  event.mutable_message_decoded()->set_first_unix_ns(-1);
  event.mutable_connection()->mutable_local()->set_address("12345");
  event.mutable_connection()->mutable_remote()->set_address("1234");
  const auto& read = std::get<MessageEvent>(*reader_.Read(event));
  EXPECT_EQ(read.message.parser, ParserType::kUnknown);
  EXPECT_EQ(read.message.frame, FrameKind::kNone);
  EXPECT_EQ(read.message.status, 0);
  EXPECT_EQ(read.message.first_ktime_ns, 0U);
  EXPECT_EQ(read.connection.tuple, Tuple());
}

}  // namespace
}  // namespace tlscope
