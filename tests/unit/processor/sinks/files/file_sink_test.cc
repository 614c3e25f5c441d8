// SPDX-License-Identifier: Apache-2.0
#include "processor/sinks/files/file_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/processor/sinks/files/file_sink_fixture.h"

namespace tlscope {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(FileSinkTest, WritesBlocksInOrderToAFileOfItsOwnersOnly) {
  auto sink = Open({.pattern = Path("a.jsonl")});
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string block = "block " + std::to_string(i) + "\n";
    expected += block;
    EXPECT_TRUE(sink->Push(block));
  }
  ExpectAllDelivered(*sink, 3000);
  EXPECT_EQ(Read("a.jsonl"), expected);
  EXPECT_EQ(ModeOf("a.jsonl"), 0600U);
  EXPECT_EQ(sink->stats().written_bytes, expected.size());
}

TEST_F(FileSinkTest, AppendsToAFileOfAnEarlierRunAndMakesItPrivate) {
  Write("a.jsonl", "earlier\n");
  chmod(Path("a.jsonl").c_str(), 0644);
  auto sink = Open({.pattern = Path("a.jsonl")});
  EXPECT_TRUE(sink->Push("later\n"));
  sink->Close();
  EXPECT_EQ(Read("a.jsonl"), "earlier\nlater\n");
  EXPECT_EQ(ModeOf("a.jsonl"), 0600U);
}

TEST_F(FileSinkTest, BeginsANewLineAfterOneThatAKilledRunHasTorn) {
  Write("a.jsonl", "whole\ntor");
  auto sink = Open({.pattern = Path("a.jsonl"), .first_block = [] { return "first\n"; }});
  EXPECT_TRUE(sink->Push("next\n"));
  sink->Close();
  EXPECT_EQ(Read("a.jsonl"), "whole\ntor\nfirst\nnext\n");
}

TEST_F(FileSinkTest, LeavesATornEndAsItIsWhereBlocksHaveNoEnd) {
  Write("a.bin", "tor");
  auto sink = Open({.pattern = Path("a.bin"), .block_end = ""});
  EXPECT_TRUE(sink->Push("n"));
  sink->Close();
  EXPECT_EQ(Read("a.bin"), "torn");
}

TEST_F(FileSinkTest, EndsAFileBeforeTheBlockThatWouldMakeItTooLarge) {
  auto sink = Open({.pattern = Path("a.jsonl"), .rotate_bytes = 12});
  for (const char* block : {"12345\n", "1234\n", "1\n", "larger than a file\n", "12345\n"}) {
    EXPECT_TRUE(sink->Push(block));
  }
  sink->Close();
  EXPECT_THAT(ReadAll(), ElementsAre("12345\n1234\n", "1\n", "larger than a file\n", "12345\n"));
  // Two rotations within a millisecond have names of their own.
  EXPECT_THAT(Names(), ElementsAre("a.20261121T185813.007Z.jsonl", "a.20261121T185813.008Z.jsonl",
                                   "a.20261121T185813.009Z.jsonl", "a.jsonl"));
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkTest, NeverWritesOverAFileThatIsThere) {
  Write("a.20261121T185813.007Z.jsonl", "not to be lost\n");
  Write("a.20261121T185813.008Z.jsonl.gz", "nor this\n");
  auto sink = Open({.pattern = Path("a.jsonl"), .rotate_bytes = 1});
  EXPECT_TRUE(sink->Push("1\n"));
  EXPECT_TRUE(sink->Push("2\n"));
  sink->Close();
  EXPECT_EQ(Read("a.20261121T185813.007Z.jsonl"), "not to be lost\n");
  EXPECT_EQ(Read("a.20261121T185813.008Z.jsonl.gz"), "nor this\n");
  EXPECT_EQ(Read("a.20261121T185813.009Z.jsonl"), "1\n");
  EXPECT_EQ(Read("a.jsonl"), "2\n");
}

TEST_F(FileSinkTest, PutsFirstAndLastBlockIntoEachFile) {
  auto sink = Open({.pattern = Path("a.jsonl"),
                    .rotate_bytes = 10,
                    .first_block = [] { return "[\n"; },
                    .last_block = [] { return "]\n"; }});
  EXPECT_EQ(Read("a.jsonl"), "[\n");
  for (const char* block : {"1234\n", "12\n", "larger than a file\n", "1\n"}) {
    EXPECT_TRUE(sink->Push(block));
  }
  sink->Close();
  EXPECT_THAT(ReadAll(),
              ElementsAre("[\n1234\n12\n]\n", "[\nlarger than a file\n]\n", "[\n1\n]\n"));
  EXPECT_EQ(sink->stats().written_bytes, 29U) << "counts what was pushed";
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkTest, BeginsAFileWithTheFirstBlockOfAnotherPeriod) {
  struct Case {
    RotatePeriod period;
    TimePoint last, next;
  };
  // 2026-11-21 is a Saturday.
  const auto saturday = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
  const auto monday = saturday + std::chrono::days(2);
  for (const auto& [period, last, next] :
       {Case{RotatePeriod::kHour, saturday + 18h + 59min + 59s, saturday + 19h},
        Case{RotatePeriod::kDay, saturday + 23h + 59min + 59s, saturday + 24h},
        Case{RotatePeriod::kWeek, monday - 1s, TimePoint(monday)}}) {
    SCOPED_TRACE(static_cast<int>(period));
    SetTime(saturday + 18h + 30min);
    auto sink = Open({.pattern = Path("a.jsonl"), .rotate_period = period});
    PushAndAwait(*sink, "1\n");
    SetTime(last);
    PushAndAwait(*sink, "2\n");
    SetTime(next);
    PushAndAwait(*sink, "3\n");
    sink->Close();
    EXPECT_THAT(ReadAll(), ElementsAre("1\n2\n", "3\n"));
    RemoveAll();
  }
}

TEST_F(FileSinkTest, NamesTheFilesOfPeriodsByThePattern) {
  auto sink = Open({.pattern = Path("%Y-%m-%d.jsonl"), .rotate_period = RotatePeriod::kDay});
  PushAndAwait(*sink, "saturday\n");
  SetTime(now() + 24h);
  PushAndAwait(*sink, "sunday\n");
  sink->Close();
  EXPECT_THAT(Names(), ElementsAre("2026-11-21.jsonl", "2026-11-22.jsonl"));
  EXPECT_EQ(Read("2026-11-22.jsonl"), "sunday\n");
}

TEST_F(FileSinkTest, EndsAFileThatAnEarlierRunLeftFromAnotherPeriod) {
  Write("a.jsonl", "yesterday\n");
  SetModified("a.jsonl", now() - 24h);
  auto sink = Open({.pattern = Path("a.jsonl"), .rotate_period = RotatePeriod::kDay});
  EXPECT_TRUE(sink->Push("today\n"));
  sink->Close();
  EXPECT_THAT(ReadAll(), ElementsAre("yesterday\n", "today\n"));
}

TEST_F(FileSinkTest, GoesOnInAFileThatAnEarlierRunLeftFromThisPeriod) {
  Write("a.jsonl", "1\n");
  SetModified("a.jsonl", now() - 18h);
  auto sink = Open({.pattern = Path("a.jsonl"), .rotate_period = RotatePeriod::kDay});
  EXPECT_TRUE(sink->Push("2\n"));
  sink->Close();
  EXPECT_THAT(ReadAll(), ElementsAre("1\n2\n"));
}

TEST_F(FileSinkTest, CompressesEndedFilesWithoutChangingABit) {
  auto sink = Open({.pattern = Path("a.jsonl"),
                    .rotate_bytes = 300000,
                    .gzip = true,
                    .last_block = [] { return "end\n"; },
                    .queue = {.queue_blocks = 100000, .drain_deadline = 60s}});
  std::string expected;
  for (int i = 0; i < 100000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    expected += line;
    ASSERT_TRUE(sink->Push(line));
  }
  sink->Close();
  std::string got;
  for (const std::string& name : Names()) {
    EXPECT_EQ(name.ends_with(".gz"), name != "a.jsonl") << name;
    EXPECT_EQ(ModeOf(name), 0600U);
    std::string text = name.ends_with(".gz") ? Unzip(name) : Read(name);
    ASSERT_TRUE(text.ends_with("end\n"));
    got += text.substr(0, text.size() - 4);
  }
  EXPECT_THAT(Names(), SizeIs(4));
  EXPECT_TRUE(got == expected);
}

TEST_F(FileSinkTest, CompressesWhatAnEarlierRunHasEnded) {
  Write("a.20261120T000000.000Z.jsonl", "ended\n");
  Write("a.20261120T000001.000Z.jsonl.gz.tmp", "half");
  Write("a.20261120T000002.000Z.txt", "another's");
  auto sink = Open({.pattern = Path("a.jsonl"), .gzip = true, .queue = {.drain_deadline = 60s}});
  sink->Close();
  EXPECT_THAT(Names(), ElementsAre("a.20261120T000000.000Z.jsonl.gz", "a.20261120T000002.000Z.txt",
                                   "a.jsonl"));
  EXPECT_EQ(Unzip("a.20261120T000000.000Z.jsonl.gz"), "ended\n");
}

TEST_F(FileSinkTest, FlushWaitsForCompression) {
  auto sink = Open({.pattern = Path("a.jsonl"),
                    .rotate_bytes = 1,
                    .gzip = true,
                    .queue = {.drain_deadline = 0ms}});
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(sink->Push(std::to_string(i) + "\n"));
  sink->Flush();
  EXPECT_THAT(Names(), SizeIs(20));
  for (const std::string& name : Names()) {
    EXPECT_EQ(name.ends_with(".gz"), name != "a.jsonl") << name;
  }
}

TEST_F(FileSinkTest, SaysWhatItsEndLeavesUncompressed) {
  for (int i = 10; i < 60; ++i) {
    Write("a.20261120T0000" + std::to_string(i) + ".000Z.jsonl", "ended\n");
  }
  std::vector<std::string> said;
  Open({.pattern = Path("a.jsonl"),
        .gzip = true,
        .queue = {.drain_deadline = 0ms},
        .on_failure = [&](const Error& error) { said.push_back(error.Describe()); }})
      ->Close();
  const std::vector<std::string> names = Names();
  const auto left = std::count_if(names.begin(), names.end(), [](const std::string& name) {
    return name.ends_with("Z.jsonl");
  });
  if (left == 0) {  // it was quicker than the end
    EXPECT_THAT(said, testing::IsEmpty());
    return;
  }
  const std::string files = std::to_string(left) + (left == 1 ? " ended file" : " ended files");
  EXPECT_THAT(said, ElementsAre(HasSubstr("cannot compress " + files + " in ")));
}

TEST_F(FileSinkTest, DoesNotCompressTwiceWhatAKilledRunHadCompressed) {
  Write("a.20261120T000000.000Z.jsonl", "ended\n");
  Open({.pattern = Path("a.jsonl"), .gzip = true, .queue = {.drain_deadline = 60s}})->Close();
  const std::string compressed = Read("a.20261120T000000.000Z.jsonl.gz");
  // As if it had been killed before it could remove the original.
  Write("a.20261120T000000.000Z.jsonl", "ended\n");
  CopyModified("a.20261120T000000.000Z.jsonl.gz", "a.20261120T000000.000Z.jsonl");
  Open({.pattern = Path("a.jsonl"), .gzip = true, .queue = {.drain_deadline = 60s}})->Close();
  EXPECT_THAT(Names(), ElementsAre("a.20261120T000000.000Z.jsonl.gz", "a.jsonl"));
  EXPECT_EQ(Read("a.20261120T000000.000Z.jsonl.gz"), compressed);
}

TEST_F(FileSinkTest, StampsAFileWhoseNameHasComeBefore) {
  auto sink = Open({.pattern = Path("%H.jsonl"),
                    .rotate_period = RotatePeriod::kHour,
                    .gzip = true,
                    .queue = {.drain_deadline = 60s}});
  for (const char* day : {"1\n", "2\n"}) {
    PushAndAwait(*sink, day);
    SetTime(now() + 1h);
    PushAndAwait(*sink, "later\n");
    AwaitNoName("18.jsonl");
    SetTime(now() + 23h);
  }
  sink->Close();
  std::vector<std::string> of_18;
  for (const std::string& name : Names()) {
    if (name.starts_with("18.")) of_18.push_back(Unzip(name));
  }
  EXPECT_THAT(of_18, testing::UnorderedElementsAre("1\n", "2\n"));
}

TEST_F(FileSinkTest, KeepsTheNewestFilesAndTouchesNoOthers) {
  const std::array<const char*, 4> others{"a.jsonl.1", "b.20201121T185813.007Z.jsonl",
                                          "a.20201121T185813.007Z.txt", "a.jsonl.gz"};
  for (const char* other : others) Write(other, "another's");
  for (const bool gzip : {false, true}) {
    SCOPED_TRACE(gzip);
    auto sink = Open({.pattern = Path("a.jsonl"),
                      .rotate_bytes = 1,
                      .gzip = gzip,
                      .keep = 2,
                      .queue = {.drain_deadline = 60s}});
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(sink->Push(std::to_string(i) + "\n"));
    sink->Close();
    for (const char* other : others) {
      EXPECT_EQ(Read(other), "another's");
      unlink(Path(other).c_str());
    }
    EXPECT_THAT(ReadAll(), ElementsAre("17\n", "18\n", "19\n"));
    RemoveAll();
    for (const char* other : others) Write(other, "another's");
  }
}

TEST_F(FileSinkTest, FindsEveryLineOnceAndInOrderAfterManyRotations) {
  constexpr int kPushers = 4;
  constexpr int kLinesEach = 12500;
  auto sink = Open({.pattern = Path("a.jsonl"),
                    .rotate_bytes = 20000,
                    .gzip = true,
                    .first_block = [] { return "first\n"; },
                    .last_block = [] { return "last\n"; },
                    .queue = {.drain_deadline = 120s}});
  {
    std::vector<std::jthread> pushers;
    for (int pusher = 0; pusher < kPushers; ++pusher) {
      pushers.emplace_back([&sink, pusher] {
        for (int i = 0; i < kLinesEach; ++i) {
          EXPECT_TRUE(sink->Push(std::to_string(pusher) + ' ' + std::to_string(i) + '\n'));
        }
      });
    }
  }
  sink->Close();
  std::array<int, kPushers> next{};
  const std::vector<std::string> files = ReadAll();
  EXPECT_GT(files.size(), 15U);
  for (const std::string& file : files) {
    const std::vector<std::string> lines = Lines(file);
    ASSERT_GE(lines.size(), 2U);
    EXPECT_EQ(lines.front(), "first");
    EXPECT_EQ(lines.back(), "last");
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
      const auto pusher = static_cast<std::size_t>(lines[i][0] - '0');
      ASSERT_LT(pusher, next.size()) << lines[i];
      ASSERT_EQ(lines[i], std::to_string(pusher) + ' ' + std::to_string(next[pusher]++));
    }
  }
  EXPECT_THAT(next, testing::Each(kLinesEach));
  EXPECT_EQ(sink->stats().written_blocks, std::uint64_t{kPushers} * kLinesEach);
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkTest, RefusesWhatDoesNotFitTheQueueAndMarksIt) {
  std::promise<void> go_on;
  std::shared_future<void> may_go_on = go_on.get_future().share();
  std::promise<void> began;
  std::atomic<int> calls = 0;
  // The writer stands still where it looks at the clock for its first block.
  auto sink = Open({.pattern = Path("a.jsonl"),
                    .queue = {.queue_blocks = 2,
                              .linger = 0ms,
                              .marker =
                                  [](std::uint64_t blocks, std::uint64_t bytes) {
                                    return "lost " + std::to_string(blocks) + ' ' +
                                           std::to_string(bytes) + '\n';
                                  }}},
                   [&, may_go_on] {
                     if (++calls != 2) return;
                     began.set_value();
                     may_go_on.wait();
                   });
  EXPECT_TRUE(sink->Push("1\n"));
  began.get_future().wait();
  EXPECT_TRUE(sink->Push("2\n"));
  EXPECT_FALSE(sink->Push("3\n"));
  EXPECT_EQ(sink->stats().queued_blocks, 2U);
  EXPECT_EQ(sink->stats().queued_bytes, 4U);
  ExpectBalanced(sink->stats());
  go_on.set_value();
  sink->Close();
  EXPECT_EQ(Read("a.jsonl"), "1\n2\nlost 1 2\n");
  EXPECT_EQ(sink->stats().dropped_full_blocks, 1U);
  EXPECT_EQ(sink->stats().queued_blocks, 0U);
  EXPECT_FALSE(sink->Push("late\n"));
  EXPECT_EQ(sink->stats().dropped_closed_blocks, 1U);
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkTest, GivesUpAtTheDeadline) {
  auto sink = Open({.pattern = Path("a.jsonl"), .queue = {.linger = 1h, .drain_deadline = 0ms}});
  EXPECT_TRUE(sink->Push("1\n"));
  sink->Close();
  EXPECT_EQ(sink->stats().dropped_failed_blocks, 1U);
  EXPECT_EQ(Read("a.jsonl"), "");
  ExpectBalanced(sink->stats());
}

TEST_F(FileSinkTest, GoesOnAtItsNameWhenSomebodyTookTheFileAway) {
  auto sink = Open({.pattern = Path("a.jsonl"), .rotate_bytes = 1});
  PushAndAwait(*sink, "1\n");
  ASSERT_EQ(rename(Path("a.jsonl").c_str(), Path("taken").c_str()), 0);
  Write("a.jsonl", "");
  PushAndAwait(*sink, "2\n");
  sink->Close();
  EXPECT_EQ(Read("taken"), "1\n");
  EXPECT_EQ(Read("a.jsonl"), "2\n");
}

TEST_F(FileSinkTest, SaysWhatIsWrongWithAPlace) {
  EXPECT_EQ(Refusal(Path("none/a.jsonl")),
            "cannot open the folder " + Path("none") +
                ": No such file or directory; create it: mkdir -p '" + Path("none") + "'");
  Write("file", "");
  EXPECT_THAT(Refusal(Path("file/a.jsonl")),
              HasSubstr("Not a directory; a part of the path is a file: name a folder"));
  EXPECT_THAT(Refusal(Path("%D")), HasSubstr("of strftime's conversions"));
  EXPECT_THAT(Refusal("/dev/full"), HasSubstr("it is no regular file"));
}

TEST_F(FileSinkTest, SaysWhoMayNotWriteToAReadOnlyFolder) {
  ASSERT_EQ(chmod(folder().c_str(), 0555), 0);
  // Root may write anywhere; this thread's file access does not have to be root's.
  const int before = setfsuid(65534);
  const std::string refusal = Refusal(Path("a.jsonl"));
  setfsuid(static_cast<uid_t>(before));
  chmod(folder().c_str(), 0700);
  EXPECT_EQ(refusal, "cannot open " + Path("a.jsonl") + ": Permission denied; let user " +
                         std::to_string(geteuid()) +
                         " write there, or name a file in another folder");
}

TEST_F(FileSinkTest, RefusesLinks) {
  Write("target", "");
  ASSERT_EQ(symlink("target", Path("soft").c_str()), 0);
  ASSERT_EQ(link(Path("target").c_str(), Path("hard").c_str()), 0);
  EXPECT_EQ(Refusal(Path("soft")),
            "cannot open " + Path("soft") +
                ": Too many levels of symbolic links; symbolic links are not followed: name the "
                "file it points to");
  EXPECT_THAT(Refusal(Path("hard")), HasSubstr("has another name too"));
}

TEST_F(FileSinkTest, LeavesAFileToTheSinkThatWritesIt) {
  auto sink = Open({.pattern = Path("a.jsonl")});
  EXPECT_EQ(Refusal(Path("a.jsonl")),
            "cannot write to " + Path("a.jsonl") +
                "; another output or process writes it: name another file");
  sink->Close();
  EXPECT_EQ(Refusal(Path("a.jsonl")), "taken");
}

}  // namespace
}  // namespace tlscope
