// SPDX-License-Identifier: Apache-2.0
// The verifier is a test: it must take every program, those this kernel would not choose included.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <tlscope.skel.h>

#include <memory>

#include "agent/probe_session.h"
#include "tests/bpf/capture_fixture.h"

namespace tlscope {
namespace {

TEST(LoadBpfTest, TheVerifierTakesEveryProgram) {
  const SkeletonPtr skeleton(tlscope_bpf__open());
  ASSERT_NE(skeleton, nullptr);
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
