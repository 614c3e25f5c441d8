// SPDX-License-Identifier: Apache-2.0
#include "processor/formats/json_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <variant>

#include "processor/text/base64.h"
#include "processor/text/json_string.h"
#include "processor/text/utf8.h"
#include "tests/unit/processor/formats/golden_events.h"
#include "tests/unit/processor/formats/json_reader.h"

namespace tlscope::testing {
namespace {

using namespace std::string_literals;

ConnectionInfo Connection() {
  ConnectionInfo info;
  info.pid = 42;
  info.comm = "curl";
  info.correlation = Correlation::Root(0xabc, Stage::kCapturing);
  return info;
}

std::string Write(const BusPayload& payload, const AgentIdentity* agent = nullptr) {
  JsonFormat format(kGoldenOffsetNs);
  format.SetAgent(agent);
  std::string out;
  format.Append(payload, out);
  return out;
}

/// The members of the one line that `payload` is written as.
JsonReader::Object Members(const BusPayload& payload, const AgentIdentity* agent = nullptr) {
  const std::string line = Write(payload, agent);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
  EXPECT_TRUE(line.ends_with("}\n")) << line;
  const auto members = JsonReader::Read(std::string_view(line).substr(0, line.size() - 1));
  EXPECT_TRUE(members) << line;
  return members.value_or(JsonReader::Object());
}

JsonReader::Object Members(const Message& message) {
  const ConnectionInfo connection = Connection();
  return Members(MessageEvent{connection, DataType::kRead, "u", message});
}

std::string Base64(std::string_view bytes) {
  std::string out;
  AppendBase64(bytes, out);
  return out;
}

/// `bytes` are there under `name`, in the form that they call for and in no other.
void ExpectBytes(const JsonReader::Object& members, const std::string& name,
                 const std::string& bytes) {
  SCOPED_TRACE(name);
  const bool text = IsUtf8(bytes);
  EXPECT_EQ(members.count(name), !bytes.empty() && text ? 1U : 0U);
  EXPECT_EQ(members.count(name + "_base64"), text ? 0U : 1U);
  if (bytes.empty()) return;
  const auto member = members.find(text ? name : name + "_base64");
  ASSERT_NE(member, members.end());
  EXPECT_EQ(member->second, text ? bytes : Base64(bytes));
}

TEST(JsonFormatTest, WritesTimeAndKindFirstAndLeavesOutWhatIsNotKnown) {
  const ConnectionInfo connection = Connection();
  Message message;
  message.first_ktime_ns = kGoldenKtimeNs;
  EXPECT_EQ(Write(MessageEvent{connection, DataType::kRead, "u", message}),
            R"({"time":"2026-11-21T08:54:12.123456Z","kind":"message",)"
            R"("connection":"0000000000000abc","pid":42,"tid":0,"comm":"curl","uuid":"u",)"
            R"("direction":"READ","protocol":"raw","type":"data","content_bytes":0})"
            "\n");
}

TEST(JsonFormatTest, SaysWhatAMessageIs) {
  const auto is = [](ParserType parser) {
    Message message;
    message.parser = parser;
    const JsonReader::Object members = Members(message);
    return members.at("protocol") + ' ' + members.at("type");
  };
  EXPECT_EQ(is(ParserType::kHttp1Request), "http/1.1 request");
  EXPECT_EQ(is(ParserType::kHttp1Response), "http/1.1 response");
  EXPECT_EQ(is(ParserType::kHttp2Request), "http/2 request");
  EXPECT_EQ(is(ParserType::kHttp2Response), "http/2 response");
  EXPECT_EQ(is(ParserType::kWebSocket), "websocket message");
  EXPECT_EQ(is(ParserType::kUnknown), "raw data");
}

TEST(JsonFormatTest, FindsTheHostOfRequestsAlone) {
  Message message;
  message.parser = ParserType::kHttp2Request;
  message.method = "GET";
  message.head = ":method: GET\r\nhost: b\r\n:authority: a:1\r\n\r\n";
  EXPECT_EQ(Members(message).at("host"), "a:1");
  message.method = {};
  EXPECT_EQ(Members(message).count("host"), 0U);
}

TEST(JsonFormatTest, WritesNumbersOfAnySizeAsTheyAre) {
  Message message;
  message.exchange = std::numeric_limits<std::uint64_t>::max();
  message.gaps = {{0, message.exchange}};
  const JsonReader::Object members = Members(message);
  EXPECT_EQ(members.at("exchange"), "18446744073709551615");
  EXPECT_EQ(members.at("gaps"), R"([{"position":0,"bytes":18446744073709551615}])");
}

TEST(JsonFormatTest, NamesTheAgentItWasToldOf) {
  const ConnectionInfo connection = Connection();
  const LossEvent loss{connection, DataType::kRead, "u", 1, 2};
  EXPECT_EQ(Members(loss).count("agent"), 0U);
  const AgentIdentity agent{"web\n1", "\xff", 3};
  const JsonReader::Object members = Members(loss, &agent);
  EXPECT_EQ(members.at("agent_host"), "web\n1");
  EXPECT_EQ(members.at("agent"), "\xef\xbf\xbd");
  EXPECT_TRUE(Write(loss, &agent).find(R"("kind":"loss","agent_host":)") != std::string::npos);
}

TEST(JsonFormatTest, KeepsWhatIsKnownOfAHandshakeBesidesWhatItsPartTells) {
  ConnectionInfo connection = Connection();
  connection.handshake = {0x0303, "known.example", ""};
  const HandshakeFacts told{0x0304, "", "h2"};
  const JsonReader::Object members = Members(HandshakeEvent{
      connection, DataType::kRead, "u", SSLHandshakeEvent::Kind::kServerHello, told, {}, 1});
  EXPECT_EQ(members.at("tls_version"), "TLSv1.3");
  EXPECT_EQ(members.at("server_name"), "known.example");
  EXPECT_EQ(members.at("alpn"), "h2");
}

TEST(JsonFormatTest, WritesEveryGoldenEventAsOneObjectOrNotAtAll) {
  const GoldenEvents golden;
  std::size_t written = 0;
  for (const auto& event : golden.events()) {
    if (Write(event.payload, event.agent).empty()) continue;
    EXPECT_GE(Members(event.payload, event.agent).size(), 4U);
    ++written;
  }
  EXPECT_GT(written, 50U);
}

TEST(JsonFormatTest, WritesOneValidLineWhateverTheBytes) {
  std::mt19937 random(1);  // the same bytes each time
  const auto bytes = [&](std::size_t most) {
    // Half of them are text, whose every byte may be one that is special.
    constexpr std::string_view kSpecial = "\"\\\n\r\t \x1b\x7f{}[],:u/";
    constexpr std::string_view kCharacters[] = {"\xc2\x80",     "\xc2\x9f",     "\xc2\xa0",
                                                "\xe2\x80\xa8", "\xe2\x80\xae", "\xf0\x9f\x98\x80"};
    std::string made;
    const bool text = random() % 2 == 0;
    for (std::size_t left = random() % (most + 1); left > 0; --left) {
      if (!text) {
        made.push_back(static_cast<char>(random()));
      } else if (random() % 4 == 0) {
        made += kCharacters[random() % std::size(kCharacters)];
      } else {
        made.push_back(random() % 2 == 0 ? kSpecial[random() % kSpecial.size()]
                                         : static_cast<char>(random() % 0x80));
      }
    }
    return made;
  };
  for (int round = 0; round < 20'000; ++round) {
    SCOPED_TRACE(round);
    Message message;
    message.head = bytes(80);
    message.body = bytes(80);
    message.trailers = bytes(20);
    message.method = bytes(3);
    message.target = bytes(10);
    message.rpc = bytes(3);
    message.never_indexed = bytes(3);
    message.decoded_from = bytes(3);
    message.decode_error = bytes(3);
    const JsonReader::Object members = Members(message);
    ExpectBytes(members, "head", message.head);
    ExpectBytes(members, "body", message.body);
    ExpectBytes(members, "trailers", message.trailers);
    ExpectBytes(members, "method", message.method);
    ExpectBytes(members, "target", message.target);
    ExpectBytes(members, "rpc", message.rpc);
    ExpectBytes(members, "never_indexed", message.never_indexed);
    if (HasFailure()) return;
  }
}

TEST(JsonFormatTest, ActsOnNoTerminal) {
  Message message;
  message.body = "\x1b[31m \x7f \xc2\x9b \xe2\x80\xae \xe2\x81\xa6 \xe2\x80\xa8 \0"s;
  const ConnectionInfo connection = Connection();
  const std::string line = Write(MessageEvent{connection, DataType::kRead, "u", message});
  EXPECT_NE(line.find(R"("body":"\u001b[31m \u007f \u009b \u202e \u2066 )"
                      "\xe2\x80\xa8"
                      R"( \u0000")"),
            std::string::npos)
      << line;
}

TEST(JsonFormatTest, TellsWhatWasDroppedAndWhen) {
  EXPECT_EQ(JsonFormat(0, GoldenClock).Dropped(3, 4096),
            R"({"time":"2026-11-21T08:54:12.123456Z","kind":"dropped","events":3,"bytes":4096})"
            "\n");
  EXPECT_EQ(JsonFormat(0, GoldenClock).Dropped(3, 0),
            R"({"time":"2026-11-21T08:54:12.123456Z","kind":"dropped","events":3})"
            "\n");
}

}  // namespace
}  // namespace tlscope::testing
