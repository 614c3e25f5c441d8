// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/recording_sink.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

#include "processor/recording/recording_file.h"
#include "tests/unit/await.h"
#include "tests/unit/processor/recording/recorded_events.h"
#include "tests/unit/processor/sinks/file_size_limit.h"

namespace tlscope {
namespace {

using std::chrono::milliseconds;
using testing::EveryKind;
using ::testing::HasSubstr;
using testing::MakeData;
using testing::ReadAll;
using testing::ReadBack;
using Status = RecordingReader::Status;

void ExpectBalanced(const RecordingStats& stats) {
  RecordedCount sum = stats.recorded;
  sum.Add(stats.dropped());
  sum.Add(stats.queued);
  EXPECT_EQ(sum, stats.pushed);
}

class RecordingSinkTest : public ::testing::Test {
 protected:
  RecordingSinkTest() { EXPECT_NE(mkdtemp(folder_.data()), nullptr); }
  ~RecordingSinkTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name = "raw") const { return folder_ + "/" + name; }

  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::unique_ptr<RecordingSink> Open(RecordingSinkOptions options = {}) {
    auto file = MakeRecordingFile(Path(), false);
    EXPECT_TRUE(file) << file.error().Describe();
    file_ = std::move(*file);
    options.own_file = true;
    options.name = Path();
    auto sink = RecordingSink::Open(file_.get(), {"1", "h", "k", 1, 2}, std::move(options));
    EXPECT_TRUE(sink);
    return std::move(*sink);
  }

 private:
  std::string folder_ = ::testing::TempDir() + "recording_XXXXXX";
  UniqueFd file_;
};

TEST_F(RecordingSinkTest, WritesWhatCanBeReadBack) {
  for (const bool zstd : {false, true}) {
    SCOPED_TRACE(zstd);
    auto sink = Open({.zstd = zstd});
    for (const Record& event : EveryKind()) EXPECT_TRUE(sink->Push(event));
    sink->Close({});
    const ReadBack read = ReadAll(Contents(Path()));
    EXPECT_EQ(read.status, Status::kEnd) << read.damage;
    EXPECT_EQ(read.events.size(), EveryKind().size());
    EXPECT_EQ(sink->stats().recorded.entries, EveryKind().size());
    EXPECT_EQ(sink->stats().written_bytes, Contents(Path()).size());
    ExpectBalanced(sink->stats());
    std::filesystem::remove(Path());
  }
}

TEST_F(RecordingSinkTest, HidesAddressesDifferentlyEachTime) {
  std::array<std::vector<std::string>, 2> events;
  for (auto& read : events) {
    auto sink = Open();
    EXPECT_TRUE(sink->Push(MakeData("x")));
    sink->Close({});
    read = ReadAll(Contents(Path())).events;
    std::filesystem::remove(Path());
  }
  EXPECT_NE(events[0], events[1]);
}

TEST_F(RecordingSinkTest, WithoutACloseThereIsNoEnd) {
  { const auto sink = Open(); }
  const ReadBack read = ReadAll(Contents(Path()));
  EXPECT_THAT(read.damage, HasSubstr("without its end mark"));
}

TEST_F(RecordingSinkTest, WritesLongRecordingsInSlices) {
  const std::string data(16384, 'x');
  for (const bool zstd : {false, true}) {
    auto sink = Open({.zstd = zstd, .slice_bytes = 100'000});
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(sink->Push(MakeData(data)));
    sink->Close({});
    const ReadBack read = ReadAll(Contents(Path()));
    EXPECT_EQ(read.status, Status::kEnd) << read.damage;
    EXPECT_EQ(read.stats.data_bytes, 300 * data.size());
    std::filesystem::remove(Path());
  }
}

TEST_F(RecordingSinkTest, SaysInTheRecordingWhatHadNoRoom) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  auto sink = RecordingSink::Open(ends[1], {}, {.queue_bytes = 200'000, .slice_bytes = 1000});
  ASSERT_TRUE(sink);
  const std::string data(16384, 'x');
  std::uint64_t refused = 0;
  // Nobody reads: pipe and both queues fill up.
  for (int i = 0; i < 100; ++i) refused += (*sink)->Push(MakeData(data)) ? 0 : 1;
  EXPECT_GT(refused, 0U);
  auto reader = std::async(std::launch::async, [&] {
    std::string all;
    std::string room(65536, '\0');
    for (ssize_t got = 0; (got = read(ends[0], room.data(), room.size())) > 0;)
      all.append(room, 0, static_cast<std::size_t>(got));
    return all;
  });
  AwaitFor("room in the queue", [&] {
    const bool taken = (*sink)->Push(MakeData("after"));
    refused += taken ? 0 : 1;
    return taken;
  });
  (*sink)->Close({.seen_calls = 1, .seen_bytes = 2, .losses = {}});
  const RecordingStats stats = (*sink)->stats();
  close(ends[1]);
  const ReadBack back = ReadAll(reader.get());
  close(ends[0]);
  EXPECT_EQ(back.status, Status::kEnd) << back.damage;
  EXPECT_EQ(back.stats.dropped_entries, refused);
  EXPECT_EQ(stats.dropped_full.entries, refused);
  EXPECT_EQ(back.stats.dropped_bytes, stats.dropped_full.bytes);
  EXPECT_EQ(back.events.size(), stats.recorded.entries);
  ExpectBalanced(stats);
}

TEST_F(RecordingSinkTest, SaysOnceThatTheReaderIsGone) {
  std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  std::promise<std::pair<int, bool>> failure;
  RecordingSinkOptions options;
  options.on_failure = [&](const Error& error, bool over) {
    failure.set_value({error.error_number, over});
  };
  auto sink = RecordingSink::Open(ends[1], {}, std::move(options));
  ASSERT_TRUE(sink);
  close(ends[0]);
  EXPECT_TRUE((*sink)->Push(MakeData("nobody reads this")));
  EXPECT_EQ(failure.get_future().get(), std::make_pair(EPIPE, true));
  EXPECT_FALSE((*sink)->Push(MakeData("nor this")));
  (*sink)->Close({});
  close(ends[1]);
  EXPECT_EQ((*sink)->stats().dropped_failed.entries, 1U);
  EXPECT_EQ((*sink)->stats().dropped_closed.entries, 1U);
  ExpectBalanced((*sink)->stats());
}

TEST_F(RecordingSinkTest, SurvivesAFullDiskAndSaysWhatIsMissing) {
  std::promise<bool> failure;
  RecordingSinkOptions options{.slice_bytes = 1000, .linger = milliseconds{0}};
  options.on_failure = [&](const Error& error, bool over) {
    EXPECT_EQ(error.error_number, EFBIG);
    failure.set_value(over);
  };
  auto sink = Open(std::move(options));
  const std::string data(16384, 'x');
  {
    const FileSizeLimit little(50'000);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(sink->Push(MakeData(data)));
    EXPECT_FALSE(failure.get_future().get());
    AwaitFor("an empty queue", [&] { return sink->stats().queued.entries == 0; });
  }
  EXPECT_TRUE(sink->Push(MakeData("there is room again")));
  sink->Close({});
  const RecordingStats stats = sink->stats();
  const ReadBack read = ReadAll(Contents(Path()));
  EXPECT_EQ(read.status, Status::kEnd) << read.damage;
  EXPECT_EQ(read.events.size(), stats.recorded.entries);
  EXPECT_GT(stats.dropped_failed.entries, 0U);
  EXPECT_EQ(read.stats.dropped_entries, stats.dropped_failed.entries);
  EXPECT_EQ(read.stats.dropped_bytes, stats.dropped_failed.bytes);
  ExpectBalanced(stats);
}

TEST_F(RecordingSinkTest, GivesUpAReaderThatDoesNotReadAtTheDeadline) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  // As one slice, of which the pipe takes a part only.
  auto sink = RecordingSink::Open(
      ends[1], {}, {.linger = std::chrono::hours(1), .drain_deadline = milliseconds{20}});
  ASSERT_TRUE(sink);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE((*sink)->Push(MakeData(std::string(16384, 'x'))));
  (*sink)->Close({});
  EXPECT_EQ((*sink)->stats().dropped_failed.entries, 20U);
  ExpectBalanced((*sink)->stats());
  for (const int fd : ends) close(fd);
}

TEST_F(RecordingSinkTest, ItsFileIsForItsOwnerAndReplacesNothingUnasked) {
  {
    const auto file = MakeRecordingFile(Path(), false);
    ASSERT_TRUE(file);
    struct stat status {};
    ASSERT_EQ(fstat(file->get(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    ASSERT_EQ(write(file->get(), "old", 3), 3);
  }
  const auto again = MakeRecordingFile(Path(), false);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kUsage);
  EXPECT_THAT(again.error().Describe(), HasSubstr("--force"));
  EXPECT_EQ(Contents(Path()), "old");
  EXPECT_TRUE(MakeRecordingFile(Path(), true));
  EXPECT_EQ(Contents(Path()), "");
}

TEST_F(RecordingSinkTest, ItsFileIsNoLinkAndNoPipe) {
  std::filesystem::create_symlink("/etc/hostname", Path("link"));
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  for (const char* name : {"link", "fifo"}) {
    EXPECT_FALSE(MakeRecordingFile(Path(name), false));
    EXPECT_FALSE(MakeRecordingFile(Path(name), true));
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::symlink_status(Path(name))));
  }
  const auto nowhere = MakeRecordingFile(Path("no/such"), false);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace tlscope
