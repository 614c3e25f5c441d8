// SPDX-License-Identifier: Apache-2.0
#include "agent/output_command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(OutputsOfTest, RefuseTwoFormatsOnStandardOutput) {
  OutputOptions options;
  options.outputs = {"-"};
  options.format = "line";
  EXPECT_THAT(Refusal(options), HasSubstr("another output"));
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
