// SPDX-License-Identifier: Apache-2.0
#include "parsers/http1/carry.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tlscope::http1 {
namespace {

/// A line, and when its first byte came.
using Line = std::pair<std::string, std::uint64_t>;

/// Consumes one line after the other, and waits within one.
class LineReader {
 public:
  Step operator()(std::string_view bytes, std::uint64_t ktime_ns) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return {0, true};
    lines.emplace_back(bytes.substr(0, end), ktime_ns);
    return {end + 1, false};
  }

  std::vector<Line> lines;
};

Step ConsumeAll(std::string_view bytes, std::uint64_t /*ktime_ns*/) {
  return {bytes.size(), false};
}

Step WaitForMore(std::string_view /*bytes*/, std::uint64_t /*ktime_ns*/) { return {0, true}; }

class CarryTest : public testing::Test {
 protected:
  ByteBudget budget_{100'000};
  Carry carry_{budget_};
};

TEST_F(CarryTest, GivesTheSameLinesForEverySplit) {
  const std::string bytes = "one\n\ntwo and more\nthree";
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); ++second) {
      Carry carry(budget_);
      LineReader reader;
      carry.Feed(std::string_view(bytes).substr(0, first), 7, reader);
      carry.Feed(std::string_view(bytes).substr(first, second - first), 7, reader);
      carry.Feed(std::string_view(bytes).substr(second), 7, reader);
      ASSERT_EQ(reader.lines, (std::vector<Line>{{"one", 7}, {"", 7}, {"two and more", 7}}));
      ASSERT_EQ(carry.bytes(), "three") << first << " " << second;
    }
  }
}

TEST_F(CarryTest, TellsWhenTheFirstByteOfWhatIsLeftCame) {
  LineReader reader;
  carry_.Feed("a", 1, reader);
  carry_.Feed("b", 2, reader);
  EXPECT_EQ(carry_.ktime_ns(), 1U);
  carry_.Feed("c\nd\ne", 3, reader);
  carry_.Feed("f\n", 4, reader);
  carry_.Feed("g\n", 5, reader);
  EXPECT_EQ(reader.lines, (std::vector<Line>{{"abc", 1}, {"d", 3}, {"ef", 3}, {"g", 5}}));
}

TEST_F(CarryTest, KeepsTheTimeOfTheFirstCallWhilePartOfItsBytesAreLeft) {
  carry_.Feed("abcd", 1, WaitForMore);
  int calls = 0;
  carry_.Feed("ef", 2, [&calls](std::string_view, std::uint64_t) {
    return ++calls == 1 ? Step{2, false} : Step{0, true};
  });
  EXPECT_EQ(carry_.bytes(), "cdef");
  EXPECT_EQ(carry_.ktime_ns(), 1U);
}

TEST_F(CarryTest, DoesNotCopyALargeCallBehindAFewCarriedBytes) {
  carry_.Feed("a", 1, WaitForMore);
  const std::string large(std::size_t{1} << 20, 'x');
  std::string_view last;
  carry_.Feed(large, 2, [&last](std::string_view bytes, std::uint64_t ktime_ns) {
    last = bytes;
    return ConsumeAll(bytes, ktime_ns);
  });
  EXPECT_EQ(last.data() + last.size(), large.data() + large.size());
  EXPECT_GT(last.size(), large.size() - 10'000);
  EXPECT_TRUE(carry_.empty());
}

TEST_F(CarryTest, AnEmptyCallChangesNothing) {
  carry_.Feed("a", 1, WaitForMore);
  carry_.Feed("", 2, ConsumeAll);
  EXPECT_EQ(carry_.bytes(), "a");
  EXPECT_EQ(carry_.ktime_ns(), 1U);
}

TEST_F(CarryTest, ReplaysWhatIsCarriedWithTheTimeItCame) {
  carry_.Feed("ab\ncd", 1, WaitForMore);
  ASSERT_TRUE(carry_.Settle());
  LineReader reader;
  carry_.Replay(reader);
  EXPECT_EQ(reader.lines, (std::vector<Line>{{"ab", 1}}));
  EXPECT_EQ(carry_.bytes(), "cd");
  EXPECT_EQ(carry_.ktime_ns(), 1U);
  EXPECT_EQ(budget_.used_bytes(), 2U);
}

TEST_F(CarryTest, IsInTheBudgetAsLongAsItIsThere) {
  carry_.Feed("abc", 1, WaitForMore);
  ASSERT_TRUE(carry_.Settle());
  EXPECT_EQ(budget_.used_bytes(), 3U);
  carry_.Feed("de", 1, WaitForMore);
  ASSERT_TRUE(carry_.Settle());
  EXPECT_EQ(budget_.used_bytes(), 5U);
  EXPECT_EQ(carry_.Take(), "abcde");
  EXPECT_EQ(budget_.used_bytes(), 0U);
  {
    Carry other(budget_);
    other.Feed("abc", 1, WaitForMore);
    ASSERT_TRUE(other.Settle());
    EXPECT_EQ(budget_.used_bytes(), 3U);
  }
  EXPECT_EQ(budget_.used_bytes(), 0U);
}

TEST_F(CarryTest, SaysWhenTheBudgetRefusesAndCountsNothing) {
  carry_.Feed("abc", 1, WaitForMore);
  ASSERT_TRUE(carry_.Settle());
  carry_.Feed(std::string(100'000, 'x'), 2, WaitForMore);
  EXPECT_FALSE(carry_.Settle());
  EXPECT_EQ(budget_.used_bytes(), 0U);
  EXPECT_EQ(carry_.bytes().size(), 100'003U);
  carry_.Drop();
  EXPECT_TRUE(carry_.Settle());
  EXPECT_EQ(budget_.used_bytes(), 0U);
}

}  // namespace
}  // namespace tlscope::http1
