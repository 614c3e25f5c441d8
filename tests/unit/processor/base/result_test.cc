// SPDX-License-Identifier: Apache-2.0
#include "processor/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace tlscope {
namespace {

struct Base {
  virtual ~Base() = default;
};
struct Derived final : Base {};

Result<int> Number(bool there) {
  if (!there) return Fail(Errc::kNotFound, ENOENT, "find a number");
  return 7;
}

Result<void> Check(bool passes) {
  if (!passes) return Fail(Errc::kUsage, 0, "pass");
  return {};
}

Result<std::unique_ptr<int>> Owned(bool there) {
  TLSCOPE_TRY(const int number, Number(there));
  return std::make_unique<int>(number);
}

Result<std::map<int, std::string>> Names() { return std::map<int, std::string>{{1, "one"}}; }

TEST(ResultTest, DescribesWhatFailedWhyAndWhatToDo) {
  const Error error{Errc::kSystem, EACCES, "open the door", "knock"};
  EXPECT_EQ(error.Describe(), "cannot open the door: Permission denied; knock");
}

TEST(ResultTest, HoldsAValueOrAnError) {
  const Result<int> number = Number(true);
  ASSERT_TRUE(number);
  EXPECT_EQ(*number, 7);
  const Result<int> none = Number(false);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kNotFound);
  EXPECT_EQ(none.error().error_number, ENOENT);
}

TEST(ResultTest, IsMadeOfWhateverItsValueIsMadeOf) {
  const Result<std::string> text = "text";
  EXPECT_EQ(*text, "text");
  static_assert(std::is_convertible_v<const char*, Result<std::string>>);
  static_assert(!std::is_convertible_v<int*, Result<std::unique_ptr<int>>>);
  static_assert(std::is_constructible_v<Result<std::unique_ptr<int>>, int*>);
  static_assert(!std::is_constructible_v<Result<int>, std::string>);
}

TEST(ResultTest, OfABoolIsNotWhetherAnotherHasOne) {
  Result<bool> no = false;
  const Result<bool> copy(no);
  EXPECT_FALSE(*copy);
  static_assert(!std::is_constructible_v<Result<bool>, Result<std::string>>);
}

TEST(ResultTest, OfAPointerToADerivedClassBecomesOneToItsBase) {
  Result<std::unique_ptr<Derived>> derived = std::make_unique<Derived>();
  const Result<std::unique_ptr<Base>> base = std::move(derived);
  ASSERT_TRUE(base);
  EXPECT_NE(*base, nullptr);
}

TEST(ResultTest, IsMadeOfWhatItsOwnFunctionsReturn) {
  const Result<int> doubled = Number(true).map([](int number) { return 2 * number; });
  EXPECT_EQ(*doubled, 14);
}

TEST(TryTest, DeclaresTheValue) {
  const auto twice = []() -> Result<int> {
    TLSCOPE_TRY(const int number, Number(true));
    return 2 * number;
  };
  EXPECT_EQ(*twice(), 14);
}

TEST(TryTest, AssignsTheValue) {
  const auto assign = [](int& to) -> Result<void> {
    TLSCOPE_TRY(to, Number(true));
    return {};
  };
  int number = 0;
  ASSERT_TRUE(assign(number));
  EXPECT_EQ(number, 7);
}

TEST(TryTest, MovesAValueThatCannotBeCopied) {
  const auto pass_on = []() -> Result<std::unique_ptr<int>> {
    TLSCOPE_TRY(auto owned, Owned(true));
    return owned;
  };
  EXPECT_EQ(**pass_on(), 7);
}

TEST(TryTest, PassesTheErrorOnAndGoesNoFurther) {
  bool reached = false;
  const auto stop = [&reached]() -> Result<std::string> {
    TLSCOPE_TRY(const auto owned, Owned(false));
    reached = true;
    return std::to_string(*owned);
  };
  const Result<std::string> stopped = stop();
  EXPECT_FALSE(reached);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::kNotFound);
  EXPECT_EQ(stopped.error().what, "find a number");
}

TEST(TryTest, NeedsNoValue) {
  const auto check = [](bool passes) -> Result<int> {
    TLSCOPE_TRY(Check(passes));
    return 1;
  };
  EXPECT_TRUE(check(true));
  EXPECT_EQ(check(false).error().code, Errc::kUsage);
}

TEST(TryTest, WithoutAValueStandsAloneUnderAnIf) {
  const auto check = [](bool asked) -> Result<int> {
    if (asked)
      TLSCOPE_TRY(Check(false));
    else
      return 1;
    return 2;
  };
  EXPECT_FALSE(check(true));
  EXPECT_EQ(*check(false), 1);
}

TEST(TryTest, StandsSeveralTimesInOneBlock) {
  const auto sum = []() -> Result<int> {
    TLSCOPE_TRY(const int left, Number(true));
    TLSCOPE_TRY(Check(true));
    TLSCOPE_TRY(const int right, Number(true));
    return left + right;
  };
  EXPECT_EQ(*sum(), 14);
}

TEST(TryTest, TakesAnExpressionWithCommas) {
  const auto first = []() -> Result<std::string> {
    TLSCOPE_TRY(const auto names, Result<std::map<int, std::string>>(Names()));
    return names.at(1);
  };
  EXPECT_EQ(*first(), "one");
}

}  // namespace
}  // namespace tlscope
