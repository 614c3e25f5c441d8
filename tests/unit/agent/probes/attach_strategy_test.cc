// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/attach_strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A kernel that lacks some of the strategies, and remembers what it was asked for.
class MadeUpKernel {
 public:
  /// By name; "none" for the programs that every strategy needs.
  explicit MadeUpKernel(std::vector<std::string> lacks,
                        Error refusal = {Errc::kUnsupported, 22, "load the BPF programs", ""})
      : lacks_(std::move(lacks)), refusal_(std::move(refusal)) {}

  StrategyTrial Trial() {
    return [this](const StrategyInfo* strategy) -> Result<void> {
      asked_.emplace_back(strategy != nullptr ? strategy->name : "none");
      if (std::ranges::find(lacks_, asked_.back()) == lacks_.end()) return {};
      return tl::make_unexpected(refusal_);
    };
  }

  const std::vector<std::string>& asked() const { return asked_; }

 private:
  std::vector<std::string> lacks_;
  Error refusal_;
  std::vector<std::string> asked_;
};

TEST(AttachStrategyTest, TakesTheFirstThatTheKernelHas) {
  MadeUpKernel kernel({"tp_btf", "fentry"});
  const auto chosen = ChooseStrategy(AttachStrategy::kAuto, kernel.Trial());
  ASSERT_TRUE(chosen.has_value());
  ASSERT_NE(*chosen, nullptr);
  EXPECT_EQ((*chosen)->strategy, AttachStrategy::kKprobe);
  EXPECT_THAT(kernel.asked(), ElementsAre("tp_btf", "fentry", "kprobe"));
}

TEST(AttachStrategyTest, GoesWithoutWhereTheKernelHasNone) {
  MadeUpKernel kernel({"tp_btf", "fentry", "kprobe", "syscall"});
  const auto chosen = ChooseStrategy(AttachStrategy::kAuto, kernel.Trial());
  ASSERT_TRUE(chosen.has_value());
  EXPECT_EQ(*chosen, nullptr);
  EXPECT_EQ(kernel.asked().back(), "none");
}

TEST(AttachStrategyTest, TriesNoOtherThanTheOneAskedFor) {
  for (const StrategyInfo& strategy : AllStrategies()) {
    MadeUpKernel kernel({});
    const auto chosen = ChooseStrategy(strategy.strategy, kernel.Trial());
    ASSERT_TRUE(chosen.has_value());
    EXPECT_EQ(*chosen, &strategy);
    EXPECT_THAT(kernel.asked(), ElementsAre(strategy.name));
  }
}

TEST(AttachStrategyTest, SaysWhatEachStrategyLacksAndWhatWouldDo) {
  for (const StrategyInfo& strategy : AllStrategies()) {
    SCOPED_TRACE(strategy.name);
    MadeUpKernel kernel({strategy.name});
    const auto chosen = ChooseStrategy(strategy.strategy, kernel.Trial());
    ASSERT_FALSE(chosen.has_value());
    EXPECT_EQ(chosen.error().code, Errc::kUnsupported);
    EXPECT_EQ(chosen.error().error_number, 22);
    EXPECT_THAT(chosen.error().what, HasSubstr(strategy.name));
    EXPECT_THAT(chosen.error().what, HasSubstr(strategy.needs));
    EXPECT_THAT(chosen.error().remedy, HasSubstr("--attach-strategy auto"));
    for (const StrategyInfo& other : AllStrategies()) {
      if (&other == &strategy) continue;
      EXPECT_THAT(chosen.error().remedy, HasSubstr(other.name));
    }
  }
}

TEST(AttachStrategyTest, RecommendsOnlyWhatTheKernelHas) {
  MadeUpKernel kernel({"tp_btf", "fentry", "kprobe"});
  const auto chosen = ChooseStrategy(AttachStrategy::kTpBtf, kernel.Trial());
  ASSERT_FALSE(chosen.has_value());
  EXPECT_EQ(chosen.error().remedy,
            "--attach-strategy auto, or one of syscall would do on this kernel");
}

TEST(AttachStrategyTest, RecommendsAutoAloneWhereTheKernelHasNoStrategy) {
  MadeUpKernel kernel({"tp_btf", "fentry", "kprobe", "syscall"});
  const auto chosen = ChooseStrategy(AttachStrategy::kFentry, kernel.Trial());
  ASSERT_FALSE(chosen.has_value());
  EXPECT_EQ(chosen.error().remedy, "--attach-strategy auto would do on this kernel");
}

TEST(AttachStrategyTest, SaysWhatKeepsTheProgramsOutAltogether) {
  MadeUpKernel kernel({"tp_btf", "fentry", "kprobe", "syscall", "none"},
                      {Errc::kPrivilege, 1, "load the BPF programs", "run it as root"});
  for (const AttachStrategy wanted : {AttachStrategy::kAuto, AttachStrategy::kSyscall}) {
    const auto chosen = ChooseStrategy(wanted, kernel.Trial());
    ASSERT_FALSE(chosen.has_value());
    EXPECT_EQ(chosen.error().code, Errc::kPrivilege);
    EXPECT_EQ(chosen.error().remedy, "run it as root");
  }
}

TEST(AttachStrategyTest, EndsWithAnErrorInTheOptions) {
  for (const AttachStrategy wanted : {AttachStrategy::kAuto, AttachStrategy::kTpBtf}) {
    MadeUpKernel kernel({"tp_btf"}, {Errc::kUsage, 7, "store the --pid filter", ""});
    const auto chosen = ChooseStrategy(wanted, kernel.Trial());
    ASSERT_FALSE(chosen.has_value());
    EXPECT_EQ(chosen.error().code, Errc::kUsage);
    EXPECT_THAT(kernel.asked(), ElementsAre("tp_btf"));
  }
}

}  // namespace
}  // namespace tlscope
