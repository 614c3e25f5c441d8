// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/attach_point.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace tlscope {
namespace {

using Code = std::vector<std::uint8_t>;

// call rel32 from `at` (of the call's first byte) to `target`.
Code CallTo(std::uint32_t target, std::uint32_t at) {
  const std::uint32_t relative = target - (at + 5);
  return {0xe8, static_cast<std::uint8_t>(relative), static_cast<std::uint8_t>(relative >> 8),
          static_cast<std::uint8_t>(relative >> 16), static_cast<std::uint8_t>(relative >> 24)};
}

Code Join(std::initializer_list<Code> parts) {
  Code all;
  for (const Code& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

const Code kSubRsp8{0x48, 0x83, 0xec, 0x08};           // sub $8, %rsp
const Code kTestEdx{0x85, 0xd2, 0x78, 0x20};           // test %edx, %edx; js +0x20
const Code kLocalToRcx{0x48, 0x89, 0xe1};              // mov %rsp, %rcx
const Code kWidenNum{0x48, 0x63, 0xd2};                // movslq %edx, %rdx
const Code kFlagsToRcx{0x49, 0x89, 0xc8, 0x31, 0xc9};  // mov %rcx, %r8; xor %ecx, %ecx
const Code kEndbr64{0xf3, 0x0f, 0x1e, 0xfa};
const Code kPushR14{0x41, 0x56};

Code PlainCalling(std::uint32_t target) {
  const Code head = Join({kSubRsp8, kTestEdx, kLocalToRcx, kWidenNum});
  return Join({head, CallTo(target, 0x1000 + static_cast<std::uint32_t>(head.size()))});
}

Code ExCalling(std::uint32_t target, const Code& before = {}) {
  const Code head = Join({kSubRsp8, before});
  return Join({head, CallTo(target, 0x2000 + static_cast<std::uint32_t>(head.size()))});
}

TEST(AttachPointTest, FindsTheFunctionBothPublicOnesCall) {
  const Code plain = PlainCalling(0x800);
  const Code ex = ExCalling(0x800);
  EXPECT_EQ(FindInnerFunction({0x1000, plain}, {0x2000, ex}), 0x800U);
}

TEST(AttachPointTest, WantsBothToCallTheSameFunction) {
  const Code plain = PlainCalling(0x800);
  const Code ex = ExCalling(0x900);
  EXPECT_EQ(FindInnerFunction({0x1000, plain}, {0x2000, ex}), std::nullopt);
}

TEST(AttachPointTest, RefusesAnInnerFunctionWithOtherArguments) {
  const Code plain = PlainCalling(0x800);
  const Code ex = ExCalling(0x800, kFlagsToRcx);
  EXPECT_EQ(FindInnerFunction({0x1000, plain}, {0x2000, ex}), std::nullopt);
}

TEST(AttachPointTest, GivesUpWhereTheCodeDoesNotRunStraightToACall) {
  const Code plain = PlainCalling(0x800);
  for (const Code& end : {Code{0xc3}, Code{0xeb, 0x00}, Code{0xff, 0xd0}, Code{0x0f}, Code{}}) {
    const Code ex = Join({kSubRsp8, end});
    EXPECT_EQ(FindInnerFunction({0x1000, plain}, {0x2000, ex}), std::nullopt);
  }
}

TEST(AttachPointTest, SurvivesCodeCutAnywhere) {
  const Code plain = PlainCalling(0x800);
  const Code ex = ExCalling(0x800);
  for (std::size_t size = 0; size < ex.size(); ++size) {
    const Code cut(ex.begin(), ex.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(FindInnerFunction({0x1000, plain}, {0x2000, cut}), std::nullopt) << size;
  }
}

TEST(AttachPointTest, KnowsWhatTheKernelEmulates) {
  EXPECT_TRUE(IsEmulated(Code{0x55}));  // push %rbp
  EXPECT_TRUE(IsEmulated(kPushR14));
  EXPECT_TRUE(IsEmulated(Code{0x90}));              // nop
  EXPECT_TRUE(IsEmulated(Code{0x78, 0x10}));        // js
  EXPECT_TRUE(IsEmulated(Code{0xe9, 0, 0, 0, 0}));  // jmp
  EXPECT_FALSE(IsEmulated(kSubRsp8));
  EXPECT_FALSE(IsEmulated(kEndbr64));
  EXPECT_FALSE(IsEmulated(Code{0xff, 0x35, 0, 0, 0, 0}));  // push of memory
  EXPECT_FALSE(IsEmulated(Code{0xff, 0xe0}));              // jmp *%rax
  EXPECT_FALSE(IsEmulated(Code{}));
}

TEST(AttachPointTest, StepsPastALandingPadOntoACheapInstruction) {
  EXPECT_EQ(CheapEntry(Join({kEndbr64, kPushR14})), 4U);
  EXPECT_EQ(CheapEntry(Join({kEndbr64, kSubRsp8})), 0U);
  EXPECT_EQ(CheapEntry(kPushR14), 0U);
  EXPECT_EQ(CheapEntry(kSubRsp8), 0U);
}

}  // namespace
}  // namespace tlscope
