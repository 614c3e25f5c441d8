// SPDX-License-Identifier: Apache-2.0
#include "processor/recording/byte_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <future>

#include "processor/recording/zstd_frames.h"
#include "tests/unit/processor/recording/recorded_events.h"

namespace tlscope {
namespace {

using testing::EveryKind;
using ::testing::HasSubstr;
using testing::MemorySource;
using testing::ReadAll;
using testing::ReadBack;
using testing::RecordingOf;
using Status = RecordingReader::Status;

std::string Compressed(std::string_view bytes, std::size_t per_frame = SIZE_MAX) {
  ZstdFrames frames;
  std::string all;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, per_frame);
    all += frames.Compress(piece);
    bytes.remove_prefix(piece.size());
  }
  return all;
}

/// All that comes out `room` bytes at a time, or the failure.
Result<std::string> Drain(std::string_view bytes, std::size_t grain, std::size_t room_bytes) {
  MemorySource from(bytes, grain);
  MaybeZstdSource source(from);
  std::string all;
  std::string room(room_bytes, '\0');
  for (;;) {
    const auto got = source.Read(room);
    if (!got) return tl::make_unexpected(got.error());
    if (*got == 0) return all;
    all.append(room, 0, *got);
  }
}

TEST(ByteSourceTest, DecompressesFramesInWhateverPiecesTheyCome) {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += std::to_string(i);
  const std::string bytes = Compressed(text, 100000);
  for (const std::size_t grain : {1U, 3U, 5000U, 1U << 20}) {
    for (const std::size_t room : {1000U, 1U << 20}) {
      const auto all = Drain(bytes, grain, room);
      ASSERT_TRUE(all) << all.error().Describe();
      EXPECT_TRUE(*all == text);
    }
  }
}

TEST(ByteSourceTest, LeavesWhatIsNotCompressedAsItIs) {
  for (const std::string& text :
       {std::string(), std::string("x"), std::string("\x28\xb5\x2f"), std::string(300000, 'y')}) {
    for (const std::size_t grain : {1U, 1U << 20}) {
      const auto all = Drain(text, grain, 1000);
      ASSERT_TRUE(all);
      EXPECT_EQ(*all, text);
    }
  }
}

TEST(ByteSourceTest, PassesOverSkippableFrames) {
  const std::string skippable("\x53\x2a\x4d\x18\x03\0\0\0abc", 11);
  const auto all = Drain(skippable + Compressed("text"), 1, 100);
  ASSERT_TRUE(all) << all.error().Describe();
  EXPECT_EQ(*all, "text");
}

TEST(ByteSourceTest, StopsWithinWhatAFewBytesDecompressTo) {
  class Stoppable final : public ByteSource {
   public:
    explicit Stoppable(std::string_view bytes) : bytes_(bytes) {}
    Result<std::size_t> Read(std::span<char> room) override { return bytes_.Read(room); }
    bool Stopped() const override { return stopped; }

    bool stopped = false;

   private:
    MemorySource bytes_;
  };
  const std::string bytes = Compressed(std::string(10'000'000, '\0'));
  Stoppable from(bytes);
  MaybeZstdSource source(from);
  std::string room(1000, '\0');
  EXPECT_TRUE(source.Read(room));
  from.stopped = true;
  const auto got = source.Read(room);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error_number, ECANCELED);
}

TEST(ByteSourceTest, RefusesWindowsThatTakeMuchMemory) {
  std::string out(1000, '\0');
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  ZSTD_inBuffer in{"text", 4, 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  // Flushed first: a frame that knows its size needs no large window.
  ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush);
  ASSERT_EQ(ZSTD_compressStream2(context, &to, &in, ZSTD_e_end), 0U);
  ZSTD_freeCCtx(context);
  const auto all = Drain({out.data(), to.pos}, 100, 100);
  ASSERT_FALSE(all);
  EXPECT_THAT(all.error().Describe(), HasSubstr("memory"));
}

TEST(CompressedRecordingTest, CutAnywhereYieldsWhatComesBefore) {
  const std::string plain = RecordingOf(EveryKind());
  const std::string bytes = Compressed(plain, 100);
  const ReadBack whole = ReadAll(bytes);
  ASSERT_EQ(whole.status, Status::kEnd) << whole.damage;
  EXPECT_EQ(whole.events, ReadAll(plain).events);
  std::size_t most = 0;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const ReadBack read = ReadAll(std::string_view(bytes).substr(0, cut));
    EXPECT_EQ(read.status, Status::kDamaged);
    EXPECT_FALSE(read.damage.empty());
    ASSERT_LE(read.events.size(), whole.events.size());
    EXPECT_TRUE(std::equal(read.events.begin(), read.events.end(), whole.events.begin()));
    EXPECT_GE(read.events.size(), most);
    most = read.events.size();
  }
  EXPECT_GT(most, whole.events.size() / 2);
}

TEST(CompressedRecordingTest, NoFlippedBitMisleads) {
  testing::ExpectNoFlippedBitMisleads(Compressed(RecordingOf(EveryKind()), 200));
}

TEST(FdSourceTest, ReadsAFileAndKnowsHowFarItIs) {
  std::string path = ::testing::TempDir() + "byte_source_XXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ASSERT_EQ(write(fd, "0123456789", 10), 10);
  close(fd);
  const auto source = FdSource::Open(path);
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->size(), 10U);
  std::array<char, 4> room{};
  EXPECT_EQ((*source)->Read(room), 4U);
  EXPECT_EQ((*source)->position(), 4U);
  unlink(path.c_str());
}

TEST(FdSourceTest, SaysWhyItCannotRead) {
  const auto missing = FdSource::Open("/nonexistent/recording");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  const auto folder = FdSource::Open("/");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().error_number, EISDIR);
}

TEST(FdSourceTest, WaitsForWhoeverWritesToAPipeButNotWhileItOpensIt) {
  std::string folder = ::testing::TempDir() + "byte_source_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int stop = eventfd(0, 0);
  const auto source = FdSource::Open(path, {stop});
  ASSERT_TRUE(source);
  std::array<char, 4> room{};
  auto first = std::async(std::launch::async, [&] { return (*source)->Read(room); });
  const int writer = open(path.c_str(), O_WRONLY);
  ASSERT_EQ(write(writer, "abc", 3), 3);
  EXPECT_FALSE((*source)->Stopped());
  EXPECT_EQ(first.get(), 3U);
  eventfd_write(stop, 1);
  EXPECT_TRUE((*source)->Stopped());
  const auto stopped = (*source)->Read(room);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().error_number, ECANCELED);
  for (const int fd : {writer, stop}) close(fd);
  unlink(path.c_str());
  rmdir(folder.c_str());
}

TEST(FdSourceTest, StopsWaitingWhenItIsTold) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const int stop = eventfd(1, 0);
  const auto source = FdSource::Open("/proc/self/fd/" + std::to_string(ends[0]), {stop});
  ASSERT_TRUE(source);
  std::array<char, 4> room{};
  const auto got = (*source)->Read(room);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error_number, ECANCELED);
  for (const int fd : {ends[0], ends[1], stop}) close(fd);
}

}  // namespace
}  // namespace tlscope
