// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/fd_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "tests/unit/await.h"
#include "tests/unit/processor/sinks/file_size_limit.h"
#include "tests/unit/processor/sinks/sink_expectations.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;

/// Both ends of a pipe or socket pair.
class Channel {
 public:
  Channel() { EXPECT_EQ(pipe2(ends_.data(), O_CLOEXEC), 0); }
  explicit Channel(int socket_type) {
    EXPECT_EQ(socketpair(AF_UNIX, socket_type, 0, ends_.data()), 0);
  }
  ~Channel() {
    CloseReader();
    CloseWriter();
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  int writer() const { return ends_[1]; }
  void CloseReader() { Close(ends_[0]); }
  void CloseWriter() { Close(ends_[1]); }

  /// Reads `bytes` bytes, or fewer when the end comes.
  std::string Read(std::size_t bytes) const {
    std::string text(bytes, '\0');
    std::size_t got = 0;
    while (got < bytes) {
      const ssize_t n = read(ends_[0], text.data() + got, bytes - got);
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    text.resize(got);
    return text;
  }
  std::string ReadAll() {
    CloseWriter();
    return Read(std::size_t{1} << 22);
  }

 private:
  static void Close(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

std::string Mark(std::uint64_t blocks, std::uint64_t bytes) {
  return "[" + std::to_string(blocks) + " blocks, " + std::to_string(bytes) + " bytes]\n";
}

std::unique_ptr<FdSink> OpenSink(int fd, FdSinkOptions options = {}) {
  auto sink = FdSink::Open(fd, std::move(options));
  EXPECT_TRUE(sink) << sink.error().Describe();
  return std::move(*sink);
}

TEST(FdSinkTest, WritesBlocksInOrder) {
  Channel channel;
  auto sink = OpenSink(channel.writer());
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string block = "block " + std::to_string(i) + "\n";
    expected += block;
    EXPECT_TRUE(sink->Push(block));
  }
  ExpectAllDelivered(*sink, 3000);
  EXPECT_EQ(channel.ReadAll(), expected);
  EXPECT_EQ(sink->stats().written_bytes, expected.size());
}

TEST(FdSinkTest, WritesALoneBlockWithoutBeingClosed) {
  Channel channel;
  auto sink = OpenSink(channel.writer());
  EXPECT_TRUE(sink->Push("alone"));
  EXPECT_EQ(channel.Read(5), "alone");
}

TEST(FdSinkTest, LeavesTheFlagsOfTheDescriptorAlone) {
  Channel channel;
  const int before = fcntl(channel.writer(), F_GETFL);
  auto sink = OpenSink(channel.writer());
  EXPECT_TRUE(sink->Push("x"));
  EXPECT_EQ(channel.Read(1), "x");
  EXPECT_EQ(fcntl(channel.writer(), F_GETFL), before);
}

TEST(FdSinkTest, FeedsASlowReaderInPartsWithoutTearingBlocks) {
  for (const bool use_socket : {false, true}) {
    SCOPED_TRACE(use_socket);
    auto channel =
        use_socket ? std::make_unique<Channel>(SOCK_STREAM) : std::make_unique<Channel>();
    auto sink = OpenSink(channel->writer());
    const std::string block(1U << 20, 'x');
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(sink->Push(block + "\n"));
    std::string got;
    for (int i = 0; i < 8; ++i) got += channel->Read(block.size() + 1);
    sink->Close();
    std::string expected;
    for (int i = 0; i < 8; ++i) expected += block + "\n";
    EXPECT_EQ(got, expected);
    ExpectBalanced(sink->stats());
  }
}

TEST(FdSinkTest, RefusesWhatDoesNotFitAndSaysSoInTheOutput) {
  Channel channel;
  auto sink = OpenSink(channel.writer(),
                       {.queue = {.queue_bytes = 1000, .queue_blocks = 100, .marker = Mark}});
  // One block larger than queue and pipe together: it is taken, and nothing can be added.
  const std::string large(1U << 20, 'L');
  EXPECT_TRUE(sink->Push(large));
  EXPECT_FALSE(sink->Push("refused 1\n"));
  EXPECT_FALSE(sink->Push("refused 22\n"));
  EXPECT_EQ(channel.Read(large.size()), large);
  // The room is free once the writer has seen its write succeed.
  AwaitFor("room in the queue", [&] { return sink->Push("taken\n"); });
  EXPECT_TRUE(sink->Push("next\n"));
  sink->Close();
  const SinkStats stats = sink->stats();
  const std::string marker = Mark(stats.dropped_full_blocks, stats.dropped_full_bytes);
  EXPECT_EQ(channel.ReadAll(), marker + "taken\nnext\n");
  EXPECT_GE(stats.dropped_full_blocks, 2U);
  EXPECT_EQ(stats.written_blocks, 3U);
  ExpectBalanced(stats);
}

TEST(FdSinkTest, CountsBlocksAgainstTheirOwnLimit) {
  Channel channel;
  auto sink =
      OpenSink(channel.writer(), {.queue = {.queue_blocks = 2, .drain_deadline = milliseconds{0}}});
  EXPECT_TRUE(sink->Push(std::string(1U << 20, 'L')));
  EXPECT_TRUE(sink->Push("second"));
  EXPECT_FALSE(sink->Push("third"));
  EXPECT_EQ(sink->stats().dropped_full_blocks, 1U);
}

TEST(FdSinkTest, WritesAMarkerForTheLastRefusalsWhenItIsClosed) {
  Channel channel;
  auto sink = OpenSink(channel.writer(), {.queue = {.queue_blocks = 1, .marker = Mark}});
  const std::string large(1U << 20, 'L');
  EXPECT_TRUE(sink->Push(large));
  EXPECT_FALSE(sink->Push("refused\n"));
  auto reader = std::async(std::launch::async, [&] { return channel.Read(large.size() + 500); });
  sink->Close();
  channel.CloseWriter();
  EXPECT_EQ(reader.get(), large + Mark(1, 8));
  ExpectBalanced(sink->stats());
}

TEST(FdSinkTest, WritesNoMarkerWhereNoneIsWanted) {
  Channel channel;
  auto sink = OpenSink(channel.writer(), {.queue = {.queue_blocks = 1}});
  const std::string large(1U << 20, 'L');
  EXPECT_TRUE(sink->Push(large));
  EXPECT_FALSE(sink->Push("refused\n"));
  EXPECT_EQ(channel.Read(large.size()), large);
  sink->Close();
  EXPECT_EQ(channel.ReadAll(), "");
}

TEST(FdSinkTest, SaysOnceThatTheReaderIsGoneAndRefusesQuietly) {
  for (const bool use_socket : {false, true}) {
    SCOPED_TRACE(use_socket);
    auto channel =
        use_socket ? std::make_unique<Channel>(SOCK_STREAM) : std::make_unique<Channel>();
    std::promise<std::pair<int, bool>> failure;
    int calls = 0;
    auto sink = OpenSink(channel->writer(), {.on_failure = [&](int error, bool over) {
                           if (++calls == 1) failure.set_value({error, over});
                         }});
    channel->CloseReader();
    EXPECT_TRUE(sink->Push("nobody reads this"));
    EXPECT_EQ(failure.get_future().get(), std::make_pair(EPIPE, true));
    EXPECT_FALSE(sink->Push("nor this"));
    sink->Close();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(sink->stats().dropped_failed_blocks, 1U);
    EXPECT_EQ(sink->stats().dropped_closed_blocks, 1U);
    ExpectBalanced(sink->stats());
  }
}

TEST(FdSinkTest, NoticesAReaderThatGoesWhileItIsWaitedFor) {
  Channel channel;
  std::promise<int> failure;
  auto sink = OpenSink(channel.writer(),
                       {.on_failure = [&](int error, bool /*over*/) { failure.set_value(error); }});
  EXPECT_TRUE(sink->Push(std::string(1U << 20, 'L')));
  EXPECT_EQ(channel.Read(100).size(), 100U);
  channel.CloseReader();
  EXPECT_EQ(failure.get_future().get(), EPIPE);
  sink->Close();
  ExpectBalanced(sink->stats());
}

TEST(FdSinkTest, CloseWaitsForAReaderUntilTheDeadline) {
  Channel channel;
  auto sink = OpenSink(channel.writer(), {.queue = {.drain_deadline = std::chrono::hours{1}}});
  const std::string large(1U << 20, 'L');
  EXPECT_TRUE(sink->Push(large));
  EXPECT_TRUE(sink->Push("last"));
  auto closed = std::async(std::launch::async, [&] { sink->Close(); });
  AwaitFor("Close", [&] {
    static_cast<void>(sink->Push("x"));
    return sink->stats().dropped_closed_blocks > 0;
  });
  channel.Read(large.size());
  EXPECT_EQ(channel.Read(4), "last");
  channel.CloseReader();
  closed.get();
  ExpectBalanced(sink->stats());
}

TEST(FdSinkTest, GivesUpAReaderThatDoesNotReadAtTheDeadline) {
  Channel channel;
  auto sink = OpenSink(channel.writer(), {.queue = {.drain_deadline = milliseconds{20}}});
  EXPECT_TRUE(sink->Push(std::string(1U << 20, 'L')));
  EXPECT_TRUE(sink->Push("never written"));
  sink->Close();
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 2U);
  ExpectBalanced(sink->stats());
}

TEST(FdSinkTest, RefusesAfterClose) {
  Channel channel;
  auto sink = OpenSink(channel.writer());
  sink->Close();
  sink->Close();
  EXPECT_FALSE(sink->Push("late"));
  EXPECT_EQ(sink->stats().dropped_closed_blocks, 1U);
}

TEST(FdSinkTest, ReportsAFullDiskOnceAndKeepsTrying) {
  const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  int calls = 0;
  auto sink = OpenSink(fd, {.on_failure = [&](int error, bool over) {
                         ++calls;
                         EXPECT_EQ(error, ENOSPC);
                         EXPECT_FALSE(over);
                       }});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(sink->Push("block\n"));
  sink->Close();
  close(fd);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 10U);
  ExpectBalanced(sink->stats());
}

/// A file without a name, with a limit of its size.
class LimitedFile {
 public:
  explicit LimitedFile(rlim_t bytes) : limit_(bytes) {}
  ~LimitedFile() { close(fd_); }
  LimitedFile(const LimitedFile&) = delete;
  LimitedFile& operator=(const LimitedFile&) = delete;

  void SetLimit(rlim_t bytes) const { limit_.Set(bytes); }
  int fd() const { return fd_; }
  std::string Contents() const {
    std::string text(1000, '\0');
    const ssize_t n = pread(fd_, text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

 private:
  int fd_ = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  FileSizeLimit limit_;
};

TEST(FdSinkTest, FinishesATornBlockBeforeAnythingElse) {
  const LimitedFile file(8);
  std::promise<int> failure;
  auto sink = OpenSink(file.fd(),
                       {.on_failure = [&](int error, bool /*over*/) { failure.set_value(error); }});
  EXPECT_TRUE(sink->Push("first\n"));
  EXPECT_TRUE(sink->Push("second\n"));  // two bytes fit
  EXPECT_EQ(failure.get_future().get(), EFBIG);
  file.SetLimit(1000);
  EXPECT_TRUE(sink->Push("third\n"));
  ExpectAllDelivered(*sink, 3);
  EXPECT_EQ(file.Contents(), "first\nsecond\nthird\n");
}

TEST(FdSinkTest, FinishesATornBlockAtTheEndIfThereIsRoomByThen) {
  for (const bool room : {true, false}) {
    SCOPED_TRACE(room);
    const LimitedFile file(8);
    std::promise<int> failure;
    auto sink = OpenSink(
        file.fd(), {.on_failure = [&](int error, bool /*over*/) { failure.set_value(error); }});
    EXPECT_TRUE(sink->Push("a torn block\n"));
    EXPECT_EQ(failure.get_future().get(), EFBIG);
    if (room) file.SetLimit(1000);
    sink->Close();
    EXPECT_EQ(file.Contents(), room ? "a torn block\n" : "a torn b");
    EXPECT_EQ(sink->stats().written_blocks, room ? 1U : 0U);
    EXPECT_EQ(sink->stats().dropped_failed_blocks, room ? 0U : 1U);
    ExpectBalanced(sink->stats());
  }
}

TEST(FdSinkTest, FailsToOpenABadDescriptor) {
  const auto sink = FdSink::Open(-1);
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().error_number, EBADF);
}

TEST(FdSinkTest, FailsToOpenADescriptorThatIsForReadingOnly) {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  const auto sink = FdSink::Open(fd);
  close(fd);
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().error_number, EBADF);
}

TEST(FdSinkTest, TakesBlocksFromManyThreads) {
  Channel channel;
  auto sink = OpenSink(channel.writer());
  {
    const auto push = [&sink] {
      for (int i = 0; i < 1000; ++i) EXPECT_TRUE(sink->Push("0123456789\n"));
    };
    const std::jthread first(push);
    const std::jthread second(push);
    EXPECT_EQ(channel.Read(22000).size(), 22000U);
  }
  sink->Close();
  ExpectBalanced(sink->stats());
}

}  // namespace
}  // namespace tlscope
