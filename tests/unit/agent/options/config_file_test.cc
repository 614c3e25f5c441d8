// SPDX-License-Identifier: Apache-2.0
#include "agent/options/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<ConfigEntry> Read(std::string_view text) {
  auto entries = ReadConfig(text);
  EXPECT_TRUE(entries.has_value()) << entries.error().Describe();
  return entries.value_or(std::vector<ConfigEntry>{});
}

std::string Refusal(std::string_view text) {
  const auto entries = ReadConfig(text);
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

TEST(ConfigFileTest, RefusesWhatItDoesNotUnderstandAndNamesTheLine) {
  EXPECT_THAT(Refusal("wait = true\nport 443\n"), HasSubstr("line 2"));
  EXPECT_THAT(Refusal("port = \n"), HasSubstr("value is missing"));
  EXPECT_THAT(Refusal("port = [443\n"), HasSubstr("list"));
  EXPECT_THAT(Refusal("port = [443 8443]\n"), HasSubstr("list"));
  EXPECT_THAT(Refusal("port = []\n"), HasSubstr("no value"));
  EXPECT_THAT(Refusal("port = [[443]]\n"), HasSubstr("value is missing"));
  EXPECT_THAT(Refusal("comm = \"nginx\n"), HasSubstr("quote"));
  EXPECT_THAT(Refusal("comm = \"\\u0041\"\n"), HasSubstr("escapes"));
  EXPECT_THAT(Refusal("comm = \"\\"), HasSubstr("escapes"));
  EXPECT_THAT(Refusal("comm = a b\n"), HasSubstr("quotes"));
  EXPECT_THAT(Refusal("[doctor]\n"), HasSubstr("[capture]"));
  EXPECT_THAT(Refusal("[capture"), HasSubstr("[capture]"));
  EXPECT_THAT(Refusal(" = 1\n"), HasSubstr("key = value"));
}

TEST(ConfigFileTest, RefusesAKeyThatIsThereTwice) {
  EXPECT_THAT(Refusal("port = 443\n\nport = 8443\n"),
              ::testing::AllOf(HasSubstr("line 3"), HasSubstr("line 1"), HasSubstr("list")));
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
