// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "processor/sinks/fd_sink.h"
#include "tests/unit/await.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;

class WaitingSinkTest : public ::testing::Test {
 protected:
  WaitingSinkTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(pipe(ends_.data()), 0);
  }
  ~WaitingSinkTest() override {
    CloseReader();
    close(ends_[1]);
  }
  void CloseReader() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }
  std::unique_ptr<FdSink> Open(int fd) {
    FdSinkOptions options;
    options.queue.queue_bytes = 100'000;
    options.queue.queue_blocks = 50;
    options.queue.drain_deadline = milliseconds{20};
    options.queue.when_full = WhenFull::kWait;
    auto sink = FdSink::Open(fd, std::move(options));
    EXPECT_TRUE(sink);
    return std::move(*sink);
  }
  std::string Read(std::size_t bytes) const {
    std::string all(bytes, '\0');
    std::size_t got = 0;
    while (got < bytes) {
      const ssize_t more = read(ends_[0], all.data() + got, bytes - got);
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    all.resize(got);
    return all;
  }

  std::array<int, 2> ends_{-1, -1};
};

TEST_F(WaitingSinkTest, DropsNothingHoweverSlowTheReader) {
  auto sink = Open(ends_[1]);
  std::string expected;
  std::vector<std::string> blocks;
  for (int i = 0; i < 500; ++i) {
    blocks.push_back(std::string(static_cast<std::size_t>(i * 7 % 30'000), 'x') + "\n");
    expected += blocks.back();
  }
  blocks.insert(blocks.begin(), std::string(300'000, 'L'));  // more than the queue holds
  expected.insert(0, blocks.front());
  auto reader = std::async(std::launch::async, [&] { return Read(expected.size()); });
  for (const std::string& block : blocks) EXPECT_TRUE(sink->Push(block));
  sink->Flush();
  EXPECT_EQ(sink->stats().written_blocks, blocks.size());
  EXPECT_TRUE(reader.get() == expected);
}

TEST_F(WaitingSinkTest, CloseEndsTheWaitForRoom) {
  auto sink = Open(ends_[1]);
  EXPECT_TRUE(sink->Push(std::string(300'000, 'L')));
  auto pushed = std::async(std::launch::async, [&] { return sink->Push("no room"); });
  AwaitFor("a push that waits", [&] { return sink->stats().waiting == 1; });
  sink->Close();
  EXPECT_FALSE(pushed.get());
  sink->Flush();
  const SinkStats stats = sink->stats();
  EXPECT_EQ(stats.dropped_failed_blocks, 1U);
  EXPECT_EQ(stats.dropped_closed_blocks, 1U);
}

TEST_F(WaitingSinkTest, AReaderThatGoesEndsTheWaitForRoom) {
  auto sink = Open(ends_[1]);
  EXPECT_TRUE(sink->Push(std::string(300'000, 'L')));
  auto pushed = std::async(std::launch::async, [&] { return sink->Push("no room"); });
  AwaitFor("a push that waits", [&] { return sink->stats().waiting == 1; });
  CloseReader();
  EXPECT_FALSE(pushed.get());
  EXPECT_EQ(sink->stats().waiting, 0U);
  sink->Flush();
}

TEST_F(WaitingSinkTest, FlushWaitsForNothingThatCannotBeWritten) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  auto sink = Open(full);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(sink->Push("block\n"));
  sink->Flush();
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 10U);
  sink->Close();
  close(full);
}

}  // namespace
}  // namespace tlscope
