// SPDX-License-Identifier: Apache-2.0
#include "agent/options/output_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tlscope {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

OutputSpec Good(std::string_view text) {
  const auto spec = ParseOutputSpec(text);
  EXPECT_TRUE(spec.has_value()) << spec.error().Describe();
  return spec.value_or(OutputSpec{});
}

std::string Refusal(std::string_view text) {
  const auto spec = ParseOutputSpec(text);
  if (spec) return "taken without complaint";
  EXPECT_EQ(spec.error().code, Errc::kUsage);
  return spec.error().Describe();
}

TEST(OutputSpecTest, TakesTheFormatFromTheTarget) {
  const std::vector<std::pair<std::string, FormatKind>> formats{
      {"-", FormatKind::kText},
      {"out.txt", FormatKind::kText},
      {"/var/log/tls-%F.hex", FormatKind::kHex},
      {"a.b.jsonl", FormatKind::kJson},
      {"cap.pcapng", FormatKind::kPcapng},
      {"./x.pb", FormatKind::kProtobuf},
      {"unix:///run/c.sock", FormatKind::kProtobuf},
      {"tcp://c:4317", FormatKind::kProtobuf},
      {"tls://c:4317", FormatKind::kProtobuf},
      {"kafka://b1,b2:9093/tls-events", FormatKind::kProtobuf}};
  for (const auto& [text, format] : formats) EXPECT_EQ(Good(text).format, format) << text;
}

TEST(OutputSpecTest, LetsAFormatBeNamed) {
  EXPECT_EQ(Good("json:-").format, FormatKind::kJson);
  EXPECT_EQ(Good("json:-").target, OutputTarget::kStdout);
  const OutputSpec file = Good("line:/var/log/x.txt");
  EXPECT_EQ(file.format, FormatKind::kLine);
  EXPECT_EQ(file.path, "/var/log/x.txt");
  const OutputSpec url = Good("json:tcp://[::1]:9");
  EXPECT_EQ(url.format, FormatKind::kJson);
  EXPECT_EQ(url.target, OutputTarget::kTcp);
  EXPECT_EQ(url.stream.host, "::1");
  EXPECT_EQ(url.stream.port, 9);
}

TEST(OutputSpecTest, ReadsEachKindOfUrl) {
  EXPECT_EQ(Good("unix:///run/c.sock").stream.path, "/run/c.sock");
  const OutputSpec tls = Good("tls://collector.example:65535");
  EXPECT_EQ(tls.target, OutputTarget::kTls);
  EXPECT_EQ(tls.stream.host, "collector.example");
  EXPECT_EQ(tls.stream.port, 65535);
  const OutputSpec kafka = Good("kafka://b1,[::1]:9092/tls-events");
  EXPECT_EQ(kafka.kafka.brokers, "b1,[::1]:9092");
  EXPECT_EQ(kafka.kafka.topic, "tls-events");
}

TEST(OutputSpecTest, TakesPathsThatLookLikeFormatsWhenTheyAreWrittenAsPaths) {
  const OutputSpec spec = Good("./jsn:out.txt");
  EXPECT_EQ(spec.target, OutputTarget::kFile);
  EXPECT_EQ(spec.path, "./jsn:out.txt");
  EXPECT_EQ(Good("/a/10:30.txt").path, "/a/10:30.txt");
}

TEST(OutputSpecTest, RefusesWhatMakesNoSenseAndSaysWhatWould) {
  const std::vector<std::pair<std::string, std::string>> refused{
      {"jsn:out", "expected one of text, line, hex, json, protobuf, pcapng"},
      {"out.log", "text:out.log"},
      {"out", "text:out"},
      {"", "name a file"},
      {"text:", "name a file"},
      {"dir/", "name a file"},
      {"http://c:80", "unix:///PATH"},
      {"tcp:c:80", "tcp://HOST:PORT"},
      {"unix:/run/c.sock", "unix:///PATH"},
      {"kafka:b1/topic", "kafka://BROKERS/TOPIC"},
      {"text:~/out", "$HOME/out"},
      {"text:/dev/stdout", "standard output is -"},
      {"tcp://c", "a host and a port"},
      {"json:tcp://::1:80", "in brackets"},
      {"unix://relative", "whole path"},
      {"kafka://b1", "kafka://BROKER"},
      {"pcapng:kafka://b1/topic", "protobuf and json"}};
  for (const auto& [text, remedy] : refused) {
    SCOPED_TRACE(text);
    const std::string target = text.starts_with("json:") ? text.substr(5) : text;
    EXPECT_THAT(Refusal(text), AllOf(HasSubstr("'" + target + "'"), HasSubstr(remedy)));
  }
}

TEST(OutputSpecTest, GivesEachOutputAPlaceOfItsOwn) {
  EXPECT_TRUE(ParseOutputSpecs({"-", "json:x.jsonl", "tcp://c:1", "tcp://c:2"}).has_value());
  for (const auto& texts : std::vector<std::vector<std::string>>{
           {"-", "json:-"}, {"x.txt", "line:x.txt"}, {"tcp://c:1", "json:tcp://c:1"}}) {
    const auto specs = ParseOutputSpecs(texts);
    ASSERT_FALSE(specs.has_value());
    EXPECT_THAT(specs.error().Describe(), HasSubstr("its own target"));
  }
}

}  // namespace
}  // namespace tlscope
