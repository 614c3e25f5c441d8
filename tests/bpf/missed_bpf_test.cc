// SPDX-License-Identifier: Apache-2.0
// Calls that were under way when the programs came.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "agent/procfs/waiting_threads.h"
#include "tests/bpf/capture_fixture.h"
#include "tests/bpf/tls_pair.h"

namespace tlscope {
namespace {

class MissedBpfTest : public CaptureFixture {
 protected:
  /// A thread that is in SSL_read of the server, in the kernel. With a socket that blocks.
  std::thread WaitInRead(std::string& read) {
    const int fd = pair.server_fd();
    EXPECT_EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
    std::atomic<std::uint32_t> tid = 0;
    std::thread reader([&] {
      tid = static_cast<std::uint32_t>(gettid());
      char buffer[64];
      const int moved = SSL_read(pair.server(), buffer, sizeof buffer);
      read.assign(buffer, moved > 0 ? static_cast<std::size_t>(moved) : 0);
    });
    while (tid == 0 || std::ranges::count(Waiting(), WaitingThread{tid, fd}) == 0)
      std::this_thread::yield();
    return reader;
  }

  static std::vector<WaitingThread> Waiting() {
    return WaitingThreadsOf(static_cast<std::uint32_t>(getpid()));
  }

  /// The server's answer, which is the first that is seen of it.
  const CapturedData* Answer() {
    EXPECT_EQ(SSL_write(pair.server(), "answer", 6), 6);
    Collect();
    const auto written = DataOf(pair.server(), DataType::kWrite);
    return written.size() == 1 ? written.front() : nullptr;
  }

  TlsPair pair;
};

INSTANTIATE_TEST_SUITE_P(Mode, MissedBpfTest, AttachModes(), AttachmentName);

TEST_P(MissedBpfTest, TellsOfAReadThatWasUnderWayBeforeWhatComesNext) {
  std::string read;
  std::thread reader = WaitInRead(read);
  Start(OwnProcess());
  NoteUnderWay();
  ASSERT_EQ(SSL_write(pair.client(), "question", 8), 8);
  reader.join();
  ASSERT_EQ(read, "question");
  const CapturedData* const answer = Answer();
  ASSERT_NE(answer, nullptr);
  ASSERT_TRUE(answer->event.missed.has_value());
  EXPECT_EQ(answer->event.missed->direction, DataType::kRead);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_NO_CALL].events, 1U);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_NO_CALL].bytes, answer->event.missed->bytes);
  ASSERT_EQ(SSL_write(pair.server(), "more", 4), 4);
  Collect();
  EXPECT_FALSE(DataOf(pair.server(), DataType::kWrite).back()->event.missed) << "told already";
}

TEST_P(MissedBpfTest, TellsNothingOfAThreadThatWaitsForSomethingElse) {
  std::string read;
  std::thread reader = WaitInRead(read);
  Start(OwnProcess());
  NoteUnderWay();
  // Its own read ends as one that was seen to begin: the first is still under way.
  TlsPair other;
  ASSERT_EQ(other.Send("elsewhere"), "elsewhere");
  ASSERT_EQ(SSL_write(other.server(), "answer", 6), 6);
  Collect();
  for (const CapturedData* data : DataOf(other.server(), DataType::kWrite))
    EXPECT_FALSE(data->event.missed);
  EXPECT_EQ(Counters()[TLSCOPE_COUNT_NO_CALL].events, 0U);
  ASSERT_EQ(SSL_write(pair.client(), "end", 3), 3);
  reader.join();
}

}  // namespace
}  // namespace tlscope
