// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/json_event.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "processor/events/event_kind.h"
#include "processor/formats/event_line.h"
#include "processor/reflection/json_message.h"
#include "processor/text/base64.h"
#include "processor/text/json_string.h"
#include "processor/text/utf8.h"
#include "tests/unit/processor/formats/protobuf_maps.h"
#include "tlscope/v1/control.pb.h"
#include "tlscope/v1/events.pb.h"

namespace tlscope {
namespace {

// 2026-11-21T08:54:12.123456Z
constexpr std::int64_t kTime = 1'795'251'252'123'456'789;

std::string Json(const google::protobuf::Message& message,
                 UnsetFields unset = UnsetFields::kLeaveOut) {
  std::string out;
  AppendJsonMessage(message, unset, out);
  return out;
}

std::string JsonOf(const v1::BusEvent& event) {
  std::string out;
  AppendJsonEvent(event, out);
  return out;
}

std::string Line(const v1::BusEvent& event) {
  std::string out;
  AppendEventLine(event, out);
  return out;
}

v1::BusEvent MessageEventOf(std::string head, std::string body) {
  v1::BusEvent event;
  event.set_sequence(7);
  event.set_time_unix_ns(kTime);
  event.set_topic("events.http.request");
  event.set_kind(v1::MESSAGE_DECODED);
  event.mutable_correlation()->set_id(0xabc);
  event.mutable_correlation()->add_tags("comm=curl");
  v1::Connection& connection = *event.mutable_connection();
  connection.set_pid(42);
  connection.set_fd(0);
  connection.mutable_local()->set_address(std::string("\x0a\0\0\x07", 4));
  connection.mutable_local()->set_port(8443);
  connection.mutable_remote()->set_address(std::string(15, '\0') + '\x01');
  connection.mutable_remote()->set_port(443);
  event.mutable_message_decoded()->set_head(std::move(head));
  event.mutable_message_decoded()->set_body(std::move(body));
  return event;
}

TEST(JsonEventTest, WritesOneLineInTheOrderOfTheSchema) {
  EXPECT_EQ(JsonOf(MessageEventOf("GET / HTTP/1.1\r\n\r\n", "")),
            R"({"time":"2026-11-21T08:54:12.123456Z","sequence":7,)"
            R"("time_unix_ns":1795251252123456789,"topic":"events.http.request",)"
            R"("kind":"MESSAGE_DECODED",)"
            R"("correlation":{"id":"0000000000000abc","tags":["comm=curl"]},)"
            R"("connection":{"pid":42,"fd":0,"local":"10.0.0.7:8443","remote":"[::1]:443"},)"
            R"("message_decoded":{"direction":"READ","head":"GET / HTTP/1.1\r\n\r\n"}})"
            "\n");
}

TEST(JsonEventTest, WritesBytesThatAreNoTextInBase64) {
  const std::string json = JsonOf(MessageEventOf("h\xc3\xa4", std::string("\xff\0\x01", 3)));
  EXPECT_NE(json.find("\"head\":\"h\xc3\xa4\""), std::string::npos) << json;
  EXPECT_NE(json.find(R"("body_base64":"/wAB")"), std::string::npos) << json;
  EXPECT_EQ(json.find("\"body\""), std::string::npos);
}

TEST(JsonMessageTest, WritesNumbersAsNumbers) {
  v1::EventFilter filter;
  filter.set_since_unix_ns(std::numeric_limits<std::int64_t>::min());
  filter.set_until_unix_ns(std::numeric_limits<std::int64_t>::max());
  filter.set_correlation(std::numeric_limits<std::uint64_t>::max());
  filter.add_kinds(v1::HEARTBEAT);
  filter.add_kinds(static_cast<v1::EventKind>(99));
  EXPECT_EQ(Json(filter),
            R"({"kinds":["HEARTBEAT",99],"since_unix_ns":-9223372036854775808,)"
            R"("until_unix_ns":9223372036854775807,"correlation":"ffffffffffffffff"})");
  v1::MetricRecorded metric;
  metric.set_value(0.1);
  EXPECT_EQ(Json(metric), R"({"value":0.1})");
  metric.set_value(std::numeric_limits<double>::infinity());
  EXPECT_EQ(Json(metric), R"({"value":null})");
}

TEST(JsonMessageTest, WritesMapsSortedByTheirKeys) {
  TLSCOPE_NEEDS_PROTOBUF_MAPS();
  v1::MetricRecorded metric;
  for (const char* key : {"z", "a", "m\""}) (*metric.mutable_labels())[key] = "v";
  EXPECT_EQ(Json(metric), R"({"labels":{"a":"v","m\"":"v","z":"v"}})");
}

TEST(JsonMessageTest, ShowsUnsetFieldsWhenAsked) {
  v1::LossStatus loss;
  loss.set_cause("ring full");
  EXPECT_EQ(Json(loss), R"({"cause":"ring full"})");
  EXPECT_EQ(Json(loss, UnsetFields::kShow), R"({"cause":"ring full","events":0,"bytes":0})");
  EXPECT_EQ(Json(v1::CapturePaused()), "{}");
  EXPECT_NE(Json(v1::AgentStatus(), UnsetFields::kShow).find(R"("losses":[])"), std::string::npos);
}

TEST(JsonMessageTest, EscapesWhatAStringCannotHold) {
  std::string out;
  AppendJsonString(std::string("a\"\\\n\r\t\0\x1f\x7f\xf0\x9f\x98\x80", 13), out);
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\r\\t\\u0000\\u001f\\u007f\xf0\x9f\x98\x80\"");
  out.clear();
  AppendJsonString("\xff\xc3", out);
  EXPECT_EQ(out, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(Utf8Test, TellsWhatIsWellFormed) {
  for (const char* text : {"", "plain", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  // Overlong forms, a surrogate, beyond U+10FFFF, cut short, a byte without a lead.
  for (const char* text :
       {"\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "a\xc2", "\x80"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

// RFC 4648 10.
TEST(Base64Test, WritesWhatTheStandardDoes) {
  std::string out;
  for (const char* bytes : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    AppendBase64(bytes, out);
    out.push_back(' ');
  }
  EXPECT_EQ(out, " Zg== Zm8= Zm9v Zm9vYg== Zm9vYmE= Zm9vYmFy ");
}

TEST(EventKindTest, KnowsEveryKindByItsName) {
  const auto& kinds = *v1::EventKind_descriptor();
  for (int i = 0; i < kinds.value_count(); ++i) {
    const auto kind = static_cast<v1::EventKind>(kinds.value(i)->number());
    if (kind == v1::EVENT_KIND_UNSPECIFIED) continue;
    EXPECT_EQ(EventKindNamed(EventKindName(kind)), kind);
    EXPECT_EQ(EventKindNamed(kinds.value(i)->name()), kind);
    EXPECT_NE(EventKindNames().find(EventKindName(kind)), std::string::npos);
  }
  EXPECT_EQ(EventKindName(v1::MESSAGE_DECODED), "MessageDecoded");
  EXPECT_EQ(EventKindNamed("message_decoded"), v1::MESSAGE_DECODED);
  EXPECT_EQ(EventKindNamed("mEsSaGeDeCoDeD"), v1::MESSAGE_DECODED);
  EXPECT_EQ(EventKindNamed("EventKindUnspecified"), std::nullopt);
  EXPECT_EQ(EventKindNamed(""), std::nullopt);
  EXPECT_EQ(EventKindName(static_cast<v1::EventKind>(99)), "99");
}

TEST(EventLineTest, WritesTheFieldsOfTheDetailAndTheConnection) {
  v1::BusEvent event;
  event.set_time_unix_ns(kTime);
  event.set_topic("control.health.heartbeat");
  event.set_kind(v1::HEARTBEAT);
  event.mutable_heartbeat()->set_beat(3);
  event.mutable_heartbeat()->set_uptime_ns(5);
  event.mutable_heartbeat()->set_stage("capturing");
  EXPECT_EQ(Line(event),
            "Time:2026-11-21T08:54:12.123456Z, Topic:control.health.heartbeat, Kind:Heartbeat, "
            "Beat:3, UptimeNs:5, Stage:capturing\n");
  event.set_topic("events.conn.opened");
  event.set_kind(v1::CONNECTION_OPENED);
  event.mutable_connection_opened();
  event.mutable_connection()->set_pid(9);
  event.mutable_connection()->mutable_local()->set_address(std::string("\x7f\0\0\x01", 4));
  event.mutable_connection()->mutable_local()->set_port(80);
  EXPECT_EQ(Line(event),
            "Time:2026-11-21T08:54:12.123456Z, Topic:events.conn.opened, Kind:ConnectionOpened, "
            "Pid:9, Local:127.0.0.1:80\n");
}

TEST(EventLineTest, LetsNoValueBreakTheLine) {
  TLSCOPE_NEEDS_PROTOBUF_MAPS();
  v1::BusEvent event;
  event.set_kind(v1::CAPTURE_STARTED);
  event.set_topic("x\ny");
  event.mutable_capture_started()->set_host("a, b\n");
  event.mutable_capture_started()->add_arguments("--tag");
  event.mutable_capture_started()->add_arguments("a,b");
  EXPECT_EQ(Line(event),
            "Time:1970-01-01T00:00:00.000000Z, Topic:x\\x0ay, Kind:CaptureStarted, "
            "Host:a\\x2c b\\x0a, Arguments:--tag+a\\x2cb\n");
  event.set_kind(v1::METRIC_RECORDED);
  (*event.mutable_metric_recorded()->mutable_labels())["k"] = "v";
  (*event.mutable_metric_recorded()->mutable_labels())["a"] = "b";
  EXPECT_NE(Line(event).find("Labels:a=b+k=v"), std::string::npos) << Line(event);
}

}  // namespace
}  // namespace tlscope
