// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "agent/command_line.h"
#include "agent/options/help_format.h"

namespace tlscope {
namespace {

/// A row of README.md's tables: an option in the words of --help.
struct Row {
  std::string group;
  std::string usage;
  std::string help;
  std::vector<std::string> commands;  // that have it in the same words
};

class ReadmeTest : public ::testing::Test {
 protected:
  ReadmeTest() : app_("", "tlscope"), commands_(app_) { AddRows(app_, ""); }

  /// What README.md has between its two marks.
  std::string ExpectedTables() const {
    std::string text = "| command | |\n|---|---|\n";
    for (const CLI::App* command : app_.get_subcommands({}))
      text += "| `" + command->get_name() + "` | " + command->get_description() + " |\n";
    text += "\n| option | of | |\n|---|---|---|\n";
    std::vector<std::string> groups;
    for (const Row& row : rows_) {
      if (std::ranges::count(groups, row.group) == 0) groups.push_back(row.group);
    }
    for (const std::string& group : groups) {
      text += "| **" + group + "** | | |\n";
      for (const Row& row : rows_) {
        if (row.group == group)
          text += "| `" + Escaped(row.usage) + "` | " + Joined(row.commands) + " | " +
                  Escaped(row.help) + " |\n";
      }
    }
    return text;
  }

 private:
  static std::string Escaped(const std::string& text) {
    std::string escaped;
    for (const char byte : text) (byte == '|' ? escaped += '\\' : escaped) += byte;
    return escaped;
  }

  static std::string Joined(const std::vector<std::string>& words) {
    std::string joined;
    for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + word;
    return joined;
  }

  /// Not of --help itself, which every command has.
  void AddRows(const CLI::App& command, const std::string& name) {
    for (const CLI::Option* option : command.get_options()) {
      if (option != command.get_help_ptr()) AddRow(*option, name);
    }
    for (const CLI::App* inner : command.get_subcommands({}))
      AddRows(*inner, name.empty() ? inner->get_name() : name + " " + inner->get_name());
  }

  void AddRow(const CLI::Option& option, const std::string& command) {
    const Row row{option.get_group(),
                  OptionUsage(option),
                  OptionHelp(option),
                  {command.empty() ? "tlscope" : command}};
    const auto key = [](const Row& one) { return std::tie(one.group, one.usage, one.help); };
    const auto same =
        std::ranges::find_if(rows_, [&](const Row& other) { return key(other) == key(row); });
    if (same == rows_.end())
      rows_.push_back(row);
    else
      same->commands.push_back(row.commands.front());
  }

  CLI::App app_;
  const Commands commands_;
  std::vector<Row> rows_;
};

TEST_F(ReadmeTest, HasEveryCommandAndOptionInTheWordsOfHelp) {
  constexpr const char* kBegin = "<!-- The words of --help; a test compares them. -->\n";
  constexpr const char* kEnd = "<!-- End of the words of --help. -->\n";
  std::ifstream file(TLSCOPE_SOURCE "/README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = readme.find(kBegin);
  const std::size_t end = readme.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_LT(begin, end);
  ASSERT_NE(end, std::string::npos);
  const std::size_t tables = begin + std::string_view(kBegin).size();
  EXPECT_EQ(readme.substr(tables, end - tables), ExpectedTables())
      << "put what the test expects into README.md";
}

/// CLI11's own words for types say nothing to a user.
TEST_F(ReadmeTest, NamesNoTypesOfTheParser) {
  for (const char* word : {"UINT", "TEXT", "FLOAT", "BOOLEAN", "ENUM", "INT in", "INT:"})
    EXPECT_THAT(ExpectedTables(), ::testing::Not(::testing::HasSubstr(word)));
}

}  // namespace
}  // namespace tlscope
