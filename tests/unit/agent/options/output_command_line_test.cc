// SPDX-License-Identifier: Apache-2.0
#include "agent/options/output_command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(const OutputOptions& options) {
  const auto specs = OutputsOf(options);
  EXPECT_TRUE(specs.has_value()) << specs.error().Describe();
  std::vector<std::string> names;
  for (const OutputSpec& spec : specs.value_or(std::vector<OutputSpec>{})) {
    names.push_back(std::string(InfoOf(spec.format).name) + " " + spec.Name());
  }
  return names;
}

std::string Refusal(const OutputOptions& options) {
  const auto specs = OutputsOf(options);
  return specs ? "taken without complaint" : specs.error().Describe();
}

TEST(OutputsOfTest, WriteTextToStandardOutputUnlessAskedOtherwise) {
  OutputOptions options;
  EXPECT_THAT(Names(options), ElementsAre("text standard output"));
  options.outputs = {"x.pb"};
  EXPECT_THAT(Names(options), ElementsAre("protobuf x.pb"));
  options.format = "line";
  EXPECT_THAT(Names(options), ElementsAre("line standard output", "protobuf x.pb"));
}

/// What --rotate makes of `words`; nothing when it refuses them.
std::optional<RotationOptions> Rotation(std::vector<std::string> words) {
  CLI::App app;
  RotationOptions rotation;
  AddRotation(app, {"--rotate", "--rotate", "output file"}, rotation);
  for (std::string& word : words) word.insert(0, "--rotate=");
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--rotate"));
    return std::nullopt;
  }
  return rotation;
}

TEST(RotationTest, TakesASizeAndAPeriod) {
  EXPECT_EQ(Rotation({"64MiB"}), RotationOptions{.bytes = 64U << 20});
  EXPECT_EQ(Rotation({"18446744073709551615"}), RotationOptions{.bytes = UINT64_MAX});
  const RotationOptions both{.bytes = 1024, .period = RotatePeriod::kDay};
  EXPECT_EQ(Rotation({"day", "1KiB"}), both);
  EXPECT_EQ(Rotation({"1KiB,day"}), both);
}

TEST(RotationTest, RefusesWhatIsNeither) {
  for (const char* word : {"0", "00", "0KiB", "-1", "0x10", "1.5MiB", "month", "Day", "",
                           "18446744073709551616", "99999999999999999999", "99999999999GiB"}) {
    EXPECT_EQ(Rotation({word}), std::nullopt) << word;
  }
  EXPECT_EQ(Rotation({"day", "week"}), std::nullopt);
  EXPECT_EQ(Rotation({"1MiB", "2MiB"}), std::nullopt);
}

TEST(OutputsOfTest, RefuseTwoFormatsOnStandardOutput) {
  OutputOptions options;
  options.outputs = {"-"};
  options.format = "line";
  EXPECT_THAT(Refusal(options), HasSubstr("another output"));
}

TEST(OutputsOfTest, RefuseToKeepBodiesOutOfPlaintextAsItPassed) {
  OutputOptions options;
  options.headers_only = true;
  options.outputs = {"-", "pcapng:a"};
  EXPECT_THAT(Refusal(options), HasSubstr("cannot keep bodies out of"));
  options.outputs = {"tcp://h:1"};
  EXPECT_TRUE(OutputsOf(options));
  options.plaintext = true;
  EXPECT_THAT(Refusal(options), HasSubstr("--plaintext"));
}

TEST(OutputsOfTest, RefuseOptionsThatNoOutputHeeds) {
  const auto with = [](auto member, auto value) {
    OutputOptions options;
    options.*member = value;
    return Refusal(options);
  };
  EXPECT_THAT(with(&OutputOptions::rotation, RotationOptions{.keep = 3}), HasSubstr("-o PATH"));
  EXPECT_THAT(with(&OutputOptions::tls_ca, "ca.pem"), HasSubstr("tls://HOST:PORT"));
  EXPECT_THAT(with(&OutputOptions::kafka_options, std::vector<std::string>{"a=b"}),
              HasSubstr("kafka://"));
  EXPECT_THAT(with(&OutputOptions::plaintext, true), HasSubstr("protobuf"));
  OutputOptions key;
  key.outputs = {"tls://c:1"};
  key.tls_key = "key.pem";
  EXPECT_THAT(Refusal(key), HasSubstr("--tls-cert"));
}

}  // namespace
}  // namespace tlscope
