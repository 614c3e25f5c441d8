// SPDX-License-Identifier: Apache-2.0
// The verifier is a test: it must take the programs, those this kernel would not choose included.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <tlscope.skel.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/probes/probe_session.h"
#include "agent/probes/tls_family.h"
#include "tests/bpf/capture_fixture.h"
#include "tests/bpf/kernel_features.h"

namespace tlscope {
namespace {

// Programs for which there is another where the kernel lacks what they need. Those a kernel has are
// loaded by the other tests.
bool IsReplaceable(std::string_view program) {
  if (program == "ssl_io_exit") return true;
  return std::ranges::any_of(AllStrategies(), [&](const StrategyInfo& strategy) {
    return std::ranges::find(strategy.programs, program) != strategy.programs.end();
  });
}

TEST(LoadBpfTest, TheVerifierTakesEveryProgramThatHasNoReplacement) {
  const SkeletonPtr skeleton(tlscope_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    bpf_program__set_autoload(program, !IsReplaceable(bpf_program__name(program)));
  }
  EXPECT_EQ(tlscope_bpf__load(skeleton.get()), 0);
}

TEST(LoadBpfTest, HasNoNameThatTheKernelWouldCut) {
  const SkeletonPtr skeleton(tlscope_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    const std::string_view name = bpf_program__name(program);
    EXPECT_LT(name.size(), BPF_OBJ_NAME_LEN) << name;
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    if (bpf_map__is_internal(map)) continue;
    const std::string_view name = bpf_map__name(map);
    EXPECT_LT(name.size(), BPF_OBJ_NAME_LEN) << name;
  }
}

// See bpf/base/own_stack.bpf.h.
TEST(LoadBpfTest, KeepsUprobeProgramsOffThePerCpuStack) {
  const SkeletonPtr skeleton(tlscope_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    const std::string_view section = bpf_program__section_name(program);
    if (section != "uprobe" && section != "uretprobe") continue;
    const std::span code(bpf_program__insns(program), bpf_program__insn_cnt(program));
    EXPECT_TRUE(std::ranges::any_of(code, [](const bpf_insn& instruction) {
      return instruction.code == (BPF_JMP | BPF_CALL) && instruction.src_reg == 0 &&
             instruction.imm == BPF_FUNC_tail_call;
    })) << bpf_program__name(program);
  }
}

TEST(LoadBpfTest, HasEveryProgramThatAFamilyOfLibrariesNames) {
  const SkeletonPtr skeleton(tlscope_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  const auto has = [&](std::string_view program) {
    return bpf_object__find_program_by_name(skeleton->obj, std::string(program).c_str()) != nullptr;
  };
  for (const FunctionProbes& probes : kOpenSslFamily.functions) {
    EXPECT_TRUE(has(probes.at_entry)) << probes.at_entry;
    EXPECT_TRUE(probes.at_exit.empty() || has(probes.at_exit)) << probes.at_exit;
  }
}

TEST(LoadBpfTest, RefusesALibraryThatIsNoOpenssl) {
  ProbeOptions options;
  options.max_payload_bytes = 1 << 16;
  auto probes = ProbeSession::Open(options);
  ASSERT_TRUE(probes.has_value()) << probes.error().Describe();
  Dl_info libc{};
  dladdr(reinterpret_cast<void*>(&getpid), &libc);
  const auto result = (*probes)->AttachLibrary(libc.dli_fname);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::kNotFound);
}

TEST(LoadBpfTest, TakesTheStrategiesThatTheKernelHasAndSaysWhatTheOthersLack) {
  for (const StrategyInfo& strategy : AllStrategies()) {
    SCOPED_TRACE(strategy.name);
    ProbeOptions options;
    options.max_payload_bytes = 1 << 16;  // more makes old kernels slow to load
    options.strategy = strategy.strategy;
    const auto probes = ProbeSession::Open(options);
    ASSERT_EQ(probes.has_value(), KernelHas(strategy.strategy));
    if (probes.has_value()) continue;
    EXPECT_EQ(probes.error().code, Errc::kUnsupported);
    EXPECT_NE(probes.error().what.find(strategy.needs), std::string::npos);
    EXPECT_NE(probes.error().remedy.find("--attach-strategy auto"), std::string::npos);
  }
}

}  // namespace
}  // namespace tlscope
