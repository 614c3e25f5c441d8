// SPDX-License-Identifier: Apache-2.0
#include "agent/code/ways.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/agent/code/made_up_code.h"

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr CallShape kShape{2, {}, ResultKind::kInt32};
constexpr std::uint64_t kFunction = 0x1000;
constexpr std::uint64_t kElsewhere = 0x3000;
constexpr std::uint64_t kTable = 0x8000;

std::string Word(std::uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

/// An instruction that ends with a distance from its own end.
std::string To(std::uint64_t target, std::uint64_t at, const std::string& code) {
  return code + Word(target - (at + code.size() + 4));
}

// push %rbx; mov $1, %eax: a way in, and a result
const std::string kHead("\x53\xb8\x01\0\0\0", 6);
const std::string kTail("\x5b\xc3");  // pop %rbx; ret

/// Where calls of the function at kFunction end: "0x1008 emulated"; or why that cannot be told.
std::vector<std::string> WaysOutOf(const MadeUpCode& code) {
  std::string reason;
  const auto function = Decode(code, kFunction, reason);
  if (!function) return {reason};
  const auto entry = FindWayIn(*function, kShape, PointChoice::kAny);
  if (!entry) return {"no way in"};
  const WaysOut ways = FindWaysOut(*function, kShape, PointChoice::kAny, *entry);
  if (!ways.refusal.empty()) return {ways.refusal};
  std::vector<std::string> shown;
  for (const CodePoint& point : ways.points)
    shown.push_back(HexText(point.address) + (point.emulated ? " emulated" : " stepped"));
  return shown;
}

TEST(WaysTest, TakesTheLastEmulatedInstructionWithTheResultFinal) {
  // Two jumps, the second of which is nearer the end.
  const std::string code = kHead + std::string("\x74\0\x90\x74\0", 5) + kTail;
  EXPECT_THAT(WaysOutOf(MadeUpCode().Function(kFunction, code)), ElementsAre("0x1009 emulated"));
}

TEST(WaysTest, StepsWhereNothingThatIsEmulatedFollowsTheResult) {
  EXPECT_THAT(WaysOutOf(MadeUpCode().Function(kFunction, kHead + kTail)),
              ElementsAre("0x1006 stepped"));
}

TEST(WaysTest, CoversEachOfSeveralReturns) {
  // je to the second pair, which has its result from elsewhere: mov $2, %eax
  const std::string code = std::string("\x53\x74\x07", 3) + kHead.substr(1) + kTail +
                           std::string("\xb8\x02\0\0\0", 5) + kTail;
  EXPECT_THAT(WaysOutOf(MadeUpCode().Function(kFunction, code)),
              ElementsAre("0x1008 stepped", "0x100f stepped"));
}

TEST(WaysTest, FollowsATailCallIntoAnotherFunction) {
  // jmp, with nothing of its own left on the stack; what it jumps to: mov $1, %eax; nop; ret
  const std::string code = "\x53\x5b" + To(kElsewhere, kFunction + 2, "\xe9");
  const std::string other("\xb8\x01\0\0\0\x90\xc3", 7);
  EXPECT_THAT(WaysOutOf(MadeUpCode().Function(kFunction, code).Function(kElsewhere, other)),
              ElementsAre("0x3005 emulated"));
}

TEST(WaysTest, RefusesAWayOutByAPointer) {
  const std::string code = kHead + "\x5b\xff\xe0";  // pop %rbx; jmp *%rax
  EXPECT_THAT(WaysOutOf(MadeUpCode().Function(kFunction, code)),
              ElementsAre("it leaves by an indirect jump at 0x1007, whose target cannot be told"));
}

TEST(WaysTest, RefusesInstructionsThatOverlap) {
  // je into the middle of mov $0xc3, %eax
  const std::string code("\x53\x74\x01\xb8\xc3\0\0\0\x5b\xc3", 10);
  EXPECT_THAT(WaysOutOf(MadeUpCode().Function(kFunction, code)),
              ElementsAre(StartsWith("its instructions overlap")));
}

TEST(WaysTest, RefusesWhatIsNoInstruction) {
  EXPECT_THAT(WaysOutOf(MadeUpCode().Function(kFunction, kHead + "\x06" + kTail)),
              ElementsAre("what it has at 0x1006 is no instruction known here"));
}

TEST(WaysTest, RefusesJumpsToWhereNoFunctionIs) {
  const std::string code = kHead + To(kElsewhere, kFunction + 6, "\xe9");
  EXPECT_THAT(WaysOutOf(MadeUpCode().Function(kFunction, code)),
              ElementsAre("it goes on at 0x3000, where no function is"));
}

/// A switch of two cases, the second of which lies at `target`. Where `known` is not 0, what is
/// beyond the cases is there.
MadeUpCode Switch(std::uint64_t target, std::uint64_t known) {
  std::string code("\x53\x83\xfa\x01", 4);  // push %rbx; cmp $1, %edx
  const std::uint64_t beyond = known != 0 ? known : kFunction + 0x1e;
  code += To(beyond, kFunction + code.size(), "\x0f\x87");         // ja
  code += "\x89\xd0";                                              // mov %edx, %eax
  code += To(kTable, kFunction + code.size(), "\x48\x8d\x15");     // lea, %rdx
  code += std::string("\x48\x63\x04\x82\x48\x01\xd0\xff\xe0", 9);  // movslq, add, jmp *%rax
  code += std::string(kFunction + 0x1e - (kFunction + code.size()), '\x90');
  code += std::string("\xb8\x01\0\0\0\x90", 6) + kTail;  // case 0, at 0x101e
  const std::string cold("\x90\xb8\x02\0\0\0\x90\x5b\xc3", 9);
  return MadeUpCode()
      .Function(kFunction, code)
      .Function(kElsewhere, cold)
      .Constants(kTable, Word(kFunction + 0x1e - kTable) + Word(target - kTable));
}

TEST(WaysTest, FollowsAJumpTableToTheStartOfAPartElsewhere) {
  EXPECT_THAT(WaysOutOf(Switch(kElsewhere, 0)), ElementsAre("0x1023 emulated", "0x3006 emulated"));
}

TEST(WaysTest, FollowsAJumpTableIntoAPartThatAnotherJumpLeadsTo) {
  EXPECT_THAT(WaysOutOf(Switch(kElsewhere + 1, kElsewhere)),
              ElementsAre("0x1023 emulated", "0x3006 emulated"));
}

TEST(WaysTest, RefusesAJumpTableIntoTheMiddleOfAnotherFunction) {
  EXPECT_THAT(WaysOutOf(Switch(kElsewhere + 1, 0)), ElementsAre(HasSubstr("indirect jump")));
  EXPECT_THAT(WaysOutOf(Switch(0x9000, 0)), ElementsAre(HasSubstr("indirect jump")));
}

}  // namespace
}  // namespace tlscope
