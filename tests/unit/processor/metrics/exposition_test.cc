// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/exposition.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace tlscope {
namespace {

std::string TextOf(const MetricFamily& family) { return PrometheusText({&family, 1}); }

/// What follows the HELP and TYPE lines.
std::string SamplesOf(std::vector<MetricSample> samples) {
  const std::string header = "# HELP m h\n# TYPE m gauge\n";
  const std::string text = TextOf({"m", "h", MetricType::kGauge, std::move(samples)});
  EXPECT_TRUE(text.starts_with(header)) << text;
  return text.substr(header.size());
}

std::string LabelLine(const std::string& value) {
  return SamplesOf({{{{"label", value}}, std::uint64_t{1}}});
}

TEST(ExpositionTest, WritesFamiliesInTheOrderGiven) {
  const std::vector<MetricFamily> families = {
      {"b_total", "Counts b.", MetricType::kCounter, {{{}, std::uint64_t{3}}}},
      {"a", "Now.", MetricType::kGauge, {{{}, 0.5}}},
  };
  EXPECT_EQ(PrometheusText(families),
            "# HELP b_total Counts b.\n# TYPE b_total counter\nb_total 3\n"
            "# HELP a Now.\n# TYPE a gauge\na 0.5\n");
}

TEST(ExpositionTest, WritesNothingForNoFamily) { EXPECT_EQ(PrometheusText({}), ""); }

TEST(ExpositionTest, DescribesAFamilyThatHasNoSamples) { EXPECT_EQ(SamplesOf({}), ""); }

TEST(ExpositionTest, WritesEverySampleWithAllItsLabels) {
  EXPECT_EQ(SamplesOf({{{{"sink", "-"}, {"cause", "full"}}, std::uint64_t{1}},
                       {{{"sink", "-"}, {"cause", "failed"}}, std::uint64_t{2}}}),
            "m{sink=\"-\",cause=\"full\"} 1\nm{sink=\"-\",cause=\"failed\"} 2\n");
}

TEST(ExpositionTest, WritesIntegersExactly) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{1} << 53, (std::uint64_t{1} << 53) + 1,
        std::uint64_t{1'000'000'000'000'000'000}, std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_EQ(SamplesOf({{{}, value}}), "m " + std::to_string(value) + "\n");
  }
}

TEST(ExpositionTest, WritesNumbersThatReadBackTheSame) {
  using Limits = std::numeric_limits<double>;
  for (const double value : {0.0, -1.5, 0.1, 1e300, Limits::min(), Limits::denorm_min(),
                             Limits::max(), -Limits::max(), 1.0 / 3}) {
    const std::string text = SamplesOf({{{}, value}}).substr(2);
    double read = -1;
    EXPECT_EQ(*std::from_chars(text.data(), text.data() + text.size(), read).ptr, '\n');
    EXPECT_EQ(read, value) << text;
  }
}

TEST(ExpositionTest, WritesNumbersThatAreNoneAsPrometheusReadsThem) {
  using Limits = std::numeric_limits<double>;
  EXPECT_EQ(SamplesOf({{{}, Limits::quiet_NaN()}}), "m NaN\n");
  EXPECT_EQ(SamplesOf({{{}, Limits::infinity()}}), "m +Inf\n");
  EXPECT_EQ(SamplesOf({{{}, -Limits::infinity()}}), "m -Inf\n");
}

TEST(ExpositionTest, EscapesHelpButNotItsQuotes) {
  EXPECT_EQ(TextOf({"m", "a \\ \"b\"\nc", MetricType::kGauge, {}}),
            "# HELP m a \\\\ \"b\"\\nc\n# TYPE m gauge\n");
}

TEST(ExpositionTest, EscapesLabelValues) {
  EXPECT_EQ(LabelLine("a\\b\"c\nd"), "m{label=\"a\\\\b\\\"c\\nd\"} 1\n");
  EXPECT_EQ(LabelLine(""), "m{label=\"\"} 1\n");
  EXPECT_EQ(LabelLine("\"} 99\n"), "m{label=\"\\\"} 99\\n\"} 1\n");
}

TEST(ExpositionTest, WritesLabelValuesAsUtf8WhateverTheyAre) {
  EXPECT_EQ(LabelLine("stra\xc3\x9f"
                      "e"),
            "m{label=\"stra\xc3\x9f"
            "e\"} 1\n");
  EXPECT_EQ(LabelLine("\xff"), "m{label=\"\\\\xff\"} 1\n");
  EXPECT_EQ(LabelLine(std::string("a\0b\x1b", 4)), "m{label=\"a\\\\x00b\\\\x1b\"} 1\n");
}

}  // namespace
}  // namespace tlscope
