// SPDX-License-Identifier: Apache-2.0
#include "processor/text/json_pretty.h"

#include <gtest/gtest.h>

#include <string>

namespace tlscope {
namespace {

std::string Pretty(std::string_view json) {
  std::string out = "before|";
  return AppendPrettyJson(json, out) ? out.substr(7) : out + "(refused)";
}

TEST(JsonPrettyTest, LaysOutObjectsAndArrays) {
  EXPECT_EQ(Pretty(R"({"a":1,"b":[true,null,{"c":"d"}]})"),
            "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null,\n    {\n      \"c\": \"d\"\n    }\n"
            "  ]\n}");
}

TEST(JsonPrettyTest, KeepsValuesToTheByte) {
  EXPECT_EQ(Pretty("[1.50e+3, 12345678901234567890, \"\\u00e9\\\"\"]"),
            "[\n  1.50e+3,\n  12345678901234567890,\n  \"\\u00e9\\\"\"\n]");
  EXPECT_EQ(Pretty(R"({"k":1,"k":2})"), "{\n  \"k\": 1,\n  \"k\": 2\n}");
}

TEST(JsonPrettyTest, KeepsEmptyOnesOnOneLine) {
  EXPECT_EQ(Pretty(" { } \n"), "{}");
  EXPECT_EQ(Pretty("[[],{}]"), "[\n  [],\n  {}\n]");
}

TEST(JsonPrettyTest, LeavesAloneWhatIsNotWholeJson) {
  for (const char* text : {"", "  ", "plain", "{\"a\":", "[1,2", "{]", "[1]]", "[1] x", "\"open",
                           "[\"open]", "[\"open\\"})
    EXPECT_EQ(Pretty(text), "before|(refused)") << text;
}

TEST(JsonPrettyTest, IsBoundedInDepth) {
  EXPECT_NE(Pretty(std::string(256, '[') + std::string(256, ']')), "before|(refused)");
  EXPECT_EQ(Pretty(std::string(257, '[') + std::string(257, ']')), "before|(refused)");
}

TEST(JsonPrettyTest, IsBoundedInText) {
  const auto lists = [](std::size_t numbers) {
    std::string json(256, '[');
    for (std::size_t i = 0; i < numbers; ++i) json += "1,";
    return json + '1' + std::string(256, ']');
  };
  EXPECT_NE(Pretty(lists(1000)), "before|(refused)");
  EXPECT_EQ(Pretty(lists(200'000)), "before|(refused)") << "of 400 KB it would make 100 MB";
}

}  // namespace
}  // namespace tlscope
