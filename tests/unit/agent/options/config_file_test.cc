// SPDX-License-Identifier: Apache-2.0
#include "agent/options/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace tlscope {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<ConfigEntry> Read(std::string_view text) {
  auto entries = ReadConfig(text, "tlscope.toml");
  EXPECT_TRUE(entries.has_value()) << entries.error().Describe();
  return entries.value_or(std::vector<ConfigEntry>{});
}

std::string Refusal(std::string_view text) {
  const auto entries = ReadConfig(text, "tlscope.toml");
  return entries ? "read without complaint" : entries.error().Describe();
}

TEST(ConfigFileTest, ReadsEveryKindOfValue) {
  const auto entries = Read(
      "comm = \"nginx\"\n"
      "tsize = 64KiB # of a body\n"
      "headers-only=true\n"
      "libssl = '/opt/a \\b.so'\n"
      "tag = \"team = \\\"web\\\" # no comment\"\n");
  ASSERT_EQ(entries.size(), 5U);
  EXPECT_EQ(entries[0].key, "comm");
  EXPECT_THAT(entries[0].values, ElementsAre("nginx"));
  EXPECT_THAT(entries[1].values, ElementsAre("64KiB"));
  EXPECT_THAT(entries[2].values, ElementsAre("true"));
  EXPECT_THAT(entries[3].values, ElementsAre("/opt/a \\b.so"));
  EXPECT_THAT(entries[4].values, ElementsAre("team = \"web\" # no comment"));
  EXPECT_EQ(entries[4].line, 5U);
}

TEST(ConfigFileTest, ReadsListsOnOneLineAndOverSeveral) {
  const auto entries = Read(
      "port = [443, 8443]\n"
      "comm = [  # who\n"
      "  \"a,b\",\n"
      "  \"c\",  # the last one\n"
      "]\n"
      "uid = [0]");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_THAT(entries[0].values, ElementsAre("443", "8443"));
  EXPECT_THAT(entries[1].values, ElementsAre("a,b", "c"));
  EXPECT_THAT(entries[2].values, ElementsAre("0"));
  EXPECT_EQ(entries[2].line, 6U);
}

TEST(ConfigFileTest, TakesBlankLinesCommentsAndTheTableOfTheCommand) {
  const auto entries = Read("\n# all of it\r\n  [capture]  # this one\r\n\twait = true\r\n\n");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].key, "wait");
  EXPECT_THAT(entries[0].values, ElementsAre("true"));
  EXPECT_TRUE(Read("").empty());
  EXPECT_TRUE(Read("# nothing").empty());
}

TEST(ConfigFileTest, ReadsWhateverTomlHasForStringsAndIntegers) {
  const auto entries = Read(
      "comm = \"\\u00e9\\U0001F600\\t\\\\\"\n"
      "tag = \"\"\"\\\n    a=b # \\\n    c\"\"\"\n"
      "cgroup = '''/a\n/b'''\n"
      "ring-mib = 1_6\n"
      "pid = [0x10, 0o10, 0b10, +3]\n"
      "'max-payload' = 1\n"
      "capture.wait = true\n");
  ASSERT_EQ(entries.size(), 7U);
  EXPECT_THAT(entries[0].values, ElementsAre("\u00e9\U0001F600\t\\"));
  EXPECT_THAT(entries[1].values, ElementsAre("a=b # c"));
  EXPECT_THAT(entries[2].values, ElementsAre("/a\n/b"));
  EXPECT_THAT(entries[3].values, ElementsAre("16"));
  EXPECT_THAT(entries[4].values, ElementsAre("16", "8", "2", "3"));
  EXPECT_EQ(entries[5].key, "max-payload");
  EXPECT_EQ(entries[6].key, "wait");
}

TEST(ConfigFileTest, TakesWordsWithoutQuotesAsTheyAreWritten) {
  const auto entries = Read(
      "tsize = 64KiB\nrotate = [10MiB, day]\ntag = env=prod\nheartbeat = 1.5\n"
      "ring-mib = 99999999999999999999\npid = 08\ncomm = caf\u00e9\nlibssl = 2026-11-21\n");
  ASSERT_EQ(entries.size(), 8U);
  EXPECT_THAT(entries[0].values, ElementsAre("64KiB"));
  EXPECT_THAT(entries[1].values, ElementsAre("10MiB", "day"));
  EXPECT_THAT(entries[2].values, ElementsAre("env=prod"));
  EXPECT_THAT(entries[3].values, ElementsAre("1.5"));
  EXPECT_THAT(entries[4].values, ElementsAre("99999999999999999999"));
  EXPECT_THAT(entries[5].values, ElementsAre("08"));
  EXPECT_THAT(entries[6].values, ElementsAre("caf\u00e9"));
  EXPECT_THAT(entries[7].values, ElementsAre("2026-11-21"));
}

TEST(ConfigFileTest, GivesEntriesInTheOrderAndWithThePlacesOfTheFile) {
  const auto entries = Read("wait = true\n\n  [capture]\n  port = 443\ncomm = a\n");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(PlaceOf(entries[0], "f"), "f:1:1");
  EXPECT_EQ(PlaceOf(entries[1], "f"), "f:4:3");
  EXPECT_EQ(PlaceOf(entries[2], "f"), "f:5:1");
}

TEST(ConfigFileTest, RefusesWhatItDoesNotUnderstandWithThePlaceAndWhatToWrite) {
  const std::vector<std::array<std::string, 3>> refused{
      {"wait = true\nport 443\n", "tlscope.toml:2:6", "key = value"},
      {"port = \n", "tlscope.toml:1:8", "expected value"},
      {"port = [443\n", "tlscope.toml:1:", "array"},
      {"port = [443 8443]\n", "tlscope.toml:1:13", "comma"},
      {"port = []\n", "tlscope.toml:1:1", "no value"},
      {"port = [[443]]\n", "tlscope.toml:1:9", "list or a table"},
      {"comm = \"nginx\n", "tlscope.toml:1:14", "quote is not closed"},
      {"comm = \"\\q\"\n", "tlscope.toml:1:10", "escape"},
      {"comm = \"\\", "tlscope.toml:1:10", "end-of-file"},
      {"comm = \"a\\u0000\"\n", "tlscope.toml:1:8", "NUL"},
      {"comm = \"a\" b\n", "tlscope.toml:1:12", "quote strings that contain spaces"},
      {"comm = '\u00e9' 64KiB\n", "tlscope.toml:1:12", "quote strings that contain spaces"},
      {"comm = a b\n", "tlscope.toml:1:10", "quote strings that contain spaces"},
      {"\ntsize = [1KiB, 2KiB] 3KiB\n", "tlscope.toml:2:22", "end of the line"},
      {"comm = \xff\n", "tlscope.toml:1:", "utf-8"},
      {"[doctor]\n", "tlscope.toml:1:2", "only [capture] is allowed"},
      {"[[capture]]\nport = 1\n", "tlscope.toml:1:3", "only [capture] is allowed"},
      {"port.x = 1\n", "tlscope.toml:1:1", "only [capture] is allowed"},
      {"[capture", "tlscope.toml:1:9", "table header"},
      {" = 1\n", "tlscope.toml:1:2", "key = value"}};
  for (const auto& [text, place, what] : refused) {
    SCOPED_TRACE(text);
    EXPECT_THAT(Refusal(text), AllOf(HasSubstr(place), HasSubstr(what)));
  }
}

TEST(ConfigFileTest, RefusesAKeyThatIsThereTwice) {
  EXPECT_THAT(Refusal("port = 443\n\nport = 8443\n"),
              AllOf(HasSubstr("tlscope.toml:3:"), HasSubstr("'port'"), HasSubstr("list")));
  EXPECT_THAT(Refusal("port = 443\n[capture]\nport = 8443\n"),
              AllOf(HasSubstr("tlscope.toml:3:1"), HasSubstr("tlscope.toml:1:1"),
                    HasSubstr("'port'"), HasSubstr("list")));
}

TEST(ConfigFileTest, NamesAFileThatCannotBeRead) {
  const auto missing = ReadConfigFile("/no/such/file.toml");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  EXPECT_THAT(missing.error().Describe(), HasSubstr("/no/such/file.toml"));
  EXPECT_FALSE(ReadConfigFile("/").has_value()) << "a directory";
  const auto endless = ReadConfigFile("/dev/zero");
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().code, Errc::kUsage);
}

}  // namespace
}  // namespace tlscope
