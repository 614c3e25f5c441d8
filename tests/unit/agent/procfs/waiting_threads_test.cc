// SPDX-License-Identifier: Apache-2.0
#include "agent/procfs/waiting_threads.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace tlscope {
namespace {

TEST(WaitingThreadsTest, ReadsTheDescriptorOfACallThatMovesBytes) {
  EXPECT_EQ(WaitedOnIn("0 0x5 0x7ffe256dcbd0 0x10 0x0 0x0 0x0 0x7ffe256dcab0 0x7f12d52b9aec"), 5);
  EXPECT_EQ(WaitedOnIn("45 0x0 0x1"), 0);
  EXPECT_EQ(WaitedOnIn("44 0x7fffffff 0x1"), 0x7fffffff);
  EXPECT_EQ(WaitedOnIn("1 0xffff888000000003 0x1"), 3) << "the kernel takes the lower half";
}

TEST(WaitingThreadsTest, ReadsNothingOfAnyOtherLine) {
  for (const std::string_view line :
       {"", "running", "-1 0x7ffe256dcab0 0x7f12d52b9aec", "202 0x5 0x80", "0", "0 5", "0 0x",
        "0 0xffffffff 0x1", "0 0xfffffffffffffffff 0x1", "x 0x5"})
    EXPECT_EQ(WaitedOnIn(line), std::nullopt) << line;
}

TEST(WaitingThreadsTest, FindsAThreadThatWaitsInARead) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  std::atomic<std::uint32_t> tid = 0;
  std::thread reader([&] {
    tid = static_cast<std::uint32_t>(gettid());
    char byte = 0;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
  });
  std::vector<WaitingThread> found;
  while (tid == 0 || std::ranges::count(found, WaitingThread{tid, ends[0]}) == 0) {
    std::this_thread::yield();
    found = WaitingThreadsOf(static_cast<std::uint32_t>(getpid()));
  }
  EXPECT_EQ(write(ends[1], "x", 1), 1);
  reader.join();
  close(ends[0]);
  close(ends[1]);
}

TEST(WaitingThreadsTest, FindsNoneOfAProcessThatIsGone) {
  EXPECT_TRUE(WaitingThreadsOf(0x7fff'ffff).empty());
}

}  // namespace
}  // namespace tlscope
