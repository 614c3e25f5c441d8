// SPDX-License-Identifier: Apache-2.0
// The verifier is a test: it must take the programs, those this kernel would not choose included.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <tlscope.skel.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string_view>

#include "agent/probe_session.h"
#include "tests/bpf/capture_fixture.h"

namespace tlscope {
namespace {

// Programs for which there is another where the kernel lacks what they need. Those a kernel has are
// loaded by the other tests.
constexpr std::string_view kReplaceable[] = {"ssl_io_exit", "sock_send", "sock_recv"};

TEST(LoadBpfTest, TheVerifierTakesEveryProgramThatHasNoReplacement) {
  const SkeletonPtr skeleton(tlscope_bpf__open());
  ASSERT_NE(skeleton, nullptr);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    const bool replaceable =
        std::ranges::find(kReplaceable, bpf_program__name(program)) != std::end(kReplaceable);
    bpf_program__set_autoload(program, !replaceable);
  }
  EXPECT_EQ(tlscope_bpf__load(skeleton.get()), 0);
}

TEST(LoadBpfTest, RefusesALibraryThatIsNoOpenssl) {
  auto probes = ProbeSession::Open({});
  ASSERT_TRUE(probes.has_value()) << probes.error().Describe();
  Dl_info libc{};
  dladdr(reinterpret_cast<void*>(&getpid), &libc);
  const auto result = (*probes)->AttachLibrary(libc.dli_fname);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace tlscope
