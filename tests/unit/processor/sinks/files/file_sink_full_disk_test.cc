// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "processor/sinks/files/file_name.h"
#include "processor/sinks/files/file_sink.h"
#include "tests/unit/leave_out.h"
#include "tests/unit/processor/sinks/file_size_limit.h"
#include "tests/unit/processor/sinks/files/file_sink_fixture.h"

namespace tlscope {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

/// What a sink said of its failures, from any of its threads.
class Failures {
 public:
  std::function<void(const Error&)> Collect() {
    return [this](const Error& error) {
      const std::lock_guard lock(mutex_);
      texts_.push_back(error.Describe());
    };
  }
  std::vector<std::string> texts() const {
    const std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;
};

class FileSinkFullDiskTest : public FileSinkTest {
 protected:
  std::string TooLarge(const std::string& task, const std::string& name) const {
    return "cannot " + task + ' ' + Path(name) +
           ": File too large; raise the file size limit, or rotate by size";
  }

  Failures failures_;  // outlives the sinks
};

TEST_F(FileSinkFullDiskTest, TakesBackATornBlockAndGoesOnWhenThereIsRoom) {
  auto sink = Open({.pattern = Path("a.jsonl"), .on_failure = failures_.Collect()});
  PushAndAwait(*sink, "first\n");
  {
    const FileSizeLimit limit(8);
    PushAndAwait(*sink, "second\n");  // two bytes fit
    PushAndAwait(*sink, "again\n");
  }
  EXPECT_EQ(Read("a.jsonl"), "first\n");
  EXPECT_THAT(failures_.texts(), ElementsAre(TooLarge("write to", "a.jsonl")));
  PushAndAwait(*sink, "third\n");
  sink->Close();
  EXPECT_EQ(Read("a.jsonl"), "first\nthird\n");
  EXPECT_THAT(failures_.texts(), testing::SizeIs(1));
  EXPECT_EQ(sink->stats().written_blocks, 2U);
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 2U);
  EXPECT_EQ(sink->stats().dropped_failed_bytes, 13U);
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkFullDiskTest, KeepsTheBlocksBeforeATornOne) {
  auto sink = Open({.pattern = Path("a.jsonl"), .queue = {.linger = 1h, .drain_deadline = 60s}});
  {
    const FileSizeLimit limit(8);
    for (const char* block : {"1\n", "2\n", "3\n", "torn\n", "5\n"}) EXPECT_TRUE(sink->Push(block));
    sink->Close();
  }
  EXPECT_EQ(Read("a.jsonl"), "1\n2\n3\n");
  EXPECT_EQ(sink->stats().written_blocks, 3U);
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkFullDiskTest, BeginsNoFileWithoutItsFirstBlock) {
  auto sink = Open({.pattern = Path("a.jsonl"),
                    .rotate_bytes = 20,
                    .first_block = [] { return "0123456789\n"; },
                    .last_block = [] { return "end\n"; },
                    .on_failure = failures_.Collect()});
  PushAndAwait(*sink, "12345678\n");
  {
    const FileSizeLimit limit(8);
    PushAndAwait(*sink, "2\n");
    EXPECT_EQ(Read("a.jsonl"), "");
  }
  PushAndAwait(*sink, "3\n");
  sink->Close();
  // The last block of the first file did not fit either.
  EXPECT_THAT(ReadAll(), ElementsAre("0123456789\n12345678\n", "0123456789\n3\nend\n"));
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 1U);
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkFullDiskTest, FailsToOpenWhereTheFirstBlockDoesNotFit) {
  std::string refusal;
  {
    const FileSizeLimit limit(8);
    const auto sink =
        FileSink::Open({.pattern = Path("a.jsonl"), .first_block = [] { return "0123456789\n"; }});
    refusal = sink ? "taken" : sink.error().Describe();
  }
  EXPECT_EQ(refusal, TooLarge("write to", "a.jsonl"));
}

TEST_F(FileSinkFullDiskTest, KeepsAFileThatCannotBeCompressed) {
  {
    const FileSizeLimit limit(8);
    auto sink = Open({.pattern = Path("a.jsonl"),
                      .rotate_bytes = 1,
                      .gzip = true,
                      .queue = {.drain_deadline = 60s},
                      .on_failure = failures_.Collect()});
    EXPECT_TRUE(sink->Push("1\n"));
    EXPECT_TRUE(sink->Push("2\n"));
    sink->Close();
  }
  EXPECT_THAT(Names(), ElementsAre("a.20261121T185813.007Z.jsonl", "a.jsonl"));
  EXPECT_THAT(ReadAll(), ElementsAre("1\n", "2\n"));
  EXPECT_THAT(failures_.texts(), ElementsAre(TooLarge("compress", "a.20261121T185813.007Z.jsonl")));
}

TEST_F(FileSinkFullDiskTest, WritesOnInAFileThatCannotBeEnded) {
  // All names that are tried are taken.
  const auto name = FileName::Parse(Path("a.jsonl"));
  ASSERT_TRUE(name);
  for (int i = 0; i < 1000; ++i) {
    Write(name->Rotated("a.jsonl", now() + std::chrono::milliseconds(i)), "another's");
  }
  auto sink =
      Open({.pattern = Path("a.jsonl"), .rotate_bytes = 2, .on_failure = failures_.Collect()});
  PushAndAwait(*sink, "1\n");
  PushAndAwait(*sink, "2\n");
  EXPECT_EQ(Read("a.jsonl"), "1\n2\n");
  EXPECT_THAT(failures_.texts(), ElementsAre("cannot rotate " + Path("a.jsonl") + ": File exists"));
  SetTime(now() + 2s);
  PushAndAwait(*sink, "3\n");
  ExpectAllDelivered(*sink, 3);
  EXPECT_EQ(Read("a.20261121T185815.007Z.jsonl"), "1\n2\n");
  EXPECT_EQ(Read("a.jsonl"), "3\n");
}

/// A file system of `options` in a folder, gone with it.
class SmallDisk {
 public:
  SmallDisk(std::string folder, const char* options) : folder_(std::move(folder)) {
    error_ =
        mount("tlscope", folder_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options) == 0 ? 0 : errno;
  }
  ~SmallDisk() {
    if (error_ == 0) umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  int error() const { return error_; }

 private:
  std::string folder_;
  int error_;
};

TEST_F(FileSinkFullDiskTest, LosesWholeLinesOnAFullDiskAndGoesOnWhenThereIsRoom) {
  const SmallDisk disk(folder(), "size=128k");
  if (disk.error() != 0) TLSCOPE_LEAVE_OUT("cannot mount a small disk, errno " << disk.error());
  Write("filler", std::string(64U << 10, 'f'));
  auto sink = Open(
      {.pattern = Path("a.jsonl"), .queue = {.linger = 0ms}, .on_failure = failures_.Collect()});
  const auto line = [](int i) { return std::to_string(i) + std::string(995, '.') + '\n'; };
  int pushed = 0;
  for (; pushed < 100; ++pushed) PushAndAwait(*sink, line(pushed));
  EXPECT_THAT(failures_.texts(),
              ElementsAre("cannot write to " + Path("a.jsonl") +
                          ": No space left on device; make room: what does not fit is dropped"));
  const std::uint64_t before = sink->stats().written_blocks;
  EXPECT_LT(before, 100U);
  EXPECT_EQ(Read("a.jsonl").size(), sink->stats().written_bytes);
  unlink(Path("filler").c_str());
  PushAndAwait(*sink, line(pushed));
  sink->Close();
  const std::vector<std::string> lines = Lines(Read("a.jsonl"));
  ASSERT_EQ(lines.size(), before + 1);
  int last = -1;
  for (const std::string& got : lines) {
    const int number = std::stoi(got);
    EXPECT_GT(number, last);
    EXPECT_EQ(got + '\n', line(number));
    last = number;
  }
  EXPECT_EQ(last, pushed);
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 100 - before);
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkFullDiskTest, FindsNoRoomForAnotherFile) {
  // The folder, the filler and the file: no more.
  const SmallDisk disk(folder(), "size=128k,nr_inodes=3");
  if (disk.error() != 0) TLSCOPE_LEAVE_OUT("cannot mount a small disk, errno " << disk.error());
  Write("filler", "");
  auto sink = Open({.pattern = Path("%H.jsonl"),
                    .rotate_period = RotatePeriod::kHour,
                    .on_failure = failures_.Collect()});
  PushAndAwait(*sink, "1\n");
  SetTime(now() + 1h);
  PushAndAwait(*sink, "2\n");
  EXPECT_THAT(failures_.texts(),
              ElementsAre("cannot open " + Path("19.jsonl") +
                          ": No space left on device; make room: what does not fit is dropped"));
  unlink(Path("filler").c_str());
  PushAndAwait(*sink, "3\n");
  sink->Close();
  EXPECT_THAT(ReadAll(), ElementsAre("1\n", "3\n"));
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 1U);
  ExpectBalanced(sink->stats());
}

}  // namespace
}  // namespace tlscope
