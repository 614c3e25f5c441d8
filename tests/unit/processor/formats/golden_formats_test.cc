// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "processor/formats/hex_format.h"
#include "processor/formats/json_format.h"
#include "processor/formats/line_format.h"
#include "processor/formats/text_format.h"
#include "tests/unit/processor/formats/golden_events.h"

namespace tlscope::testing {
namespace {

constexpr const char* kRemake = "TLSCOPE_REMAKE_GOLDENS";

struct Golden {
  const char* file;
  std::unique_ptr<Format> (*make)();
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.file; }

const Golden kGoldens[] = {
    {"golden.txt",
     []() -> std::unique_ptr<Format> {
       return std::make_unique<TextFormat>(
           TextFormatOptions{.realtime_offset_ns = kGoldenOffsetNs});
     }},
    {"golden.line",
     []() -> std::unique_ptr<Format> {
       return std::make_unique<LineFormat>(kGoldenOffsetNs, GoldenClock);
     }},
    {"golden.hex",
     []() -> std::unique_ptr<Format> { return std::make_unique<HexFormat>(kGoldenOffsetNs); }},
    {"golden.jsonl",
     []() -> std::unique_ptr<Format> {
       return std::make_unique<JsonFormat>(kGoldenOffsetNs, GoldenClock);
     }},
};

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Where two texts begin to differ, in a form fit to be read; empty when they do not.
std::string Difference(const std::string& expected, const std::string& actual) {
  if (expected == actual) return {};
  const std::vector<std::string> wanted = Lines(expected);
  const std::vector<std::string> got = Lines(actual);
  const auto [in_wanted, in_got] =
      std::mismatch(wanted.begin(), wanted.end(), got.begin(), got.end());
  std::ostringstream text;
  text << "line " << in_wanted - wanted.begin() + 1 << "\n  in the file: ";
  text << (in_wanted == wanted.end() ? "(its end)" : ::testing::PrintToString(*in_wanted));
  text << "\n  written now: ";
  text << (in_got == got.end() ? "(the end)" : ::testing::PrintToString(*in_got));
  return text.str();
}

class GoldenFormatTest : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenFormatTest, WritesWhatIsInItsFile) {
  const std::string path = TLSCOPE_TESTDATA "/formats/" + std::string(GetParam().file);
  const std::string written = GoldenEvents().WrittenBy(*GetParam().make());
  // Nothing sets it while tests run.  NOLINTNEXTLINE(concurrency-mt-unsafe)
  if (std::getenv(kRemake) != nullptr) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << written;
    ASSERT_TRUE(file.flush()) << path;
  }
  EXPECT_EQ(Difference(Read(path), written), "")
      << path << " is not what is written now. If that is as it should be, run this test with "
      << kRemake << "=1 and look at all that changed with git diff.";
}

INSTANTIATE_TEST_SUITE_P(All, GoldenFormatTest, ::testing::ValuesIn(kGoldens),
                         [](const auto& test) {
                           std::string name = test.param.file;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(GoldenEventsTest, AreOfEveryKindThereIs) {
  std::set<std::size_t> kinds;
  const GoldenEvents golden;
  for (const auto& event : golden.events()) kinds.insert(event.payload.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<BusPayload>);
}

}  // namespace
}  // namespace tlscope::testing
