// SPDX-License-Identifier: Apache-2.0
/// What becomes of files that are written to, and of those on mounts that others want to unmount.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/discovery/library_attacher.h"
#include "processor/base/unique_fd.h"
#include "tests/unit/agent/discovery/fake_guard.h"
#include "tests/unit/agent/discovery/fake_prober.h"
#include "tests/unit/agent/discovery/mapped_file_builder.h"
#include "tests/unit/processor/base/scratch_folder.h"
#include "tests/unit/processor/bus/recorder.h"

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using Time = LibraryAttacher::Time;

const Time kStart = Time() + 1h;

class LibraryAttacherFilesTest : public ::testing::Test {
 protected:
  LibraryAttacherFilesTest() : libraries(prober, guard, bus) {
    EXPECT_TRUE(bus.Subscribe("events.#", events));
    EXPECT_TRUE(bus.Subscribe("control.health.diagnostics", diagnostics));
  }

  std::string File(const std::string& name, const std::string& content = "x") {
    std::string path = folder.path() + '/' + name;
    std::ofstream(path) << content;
    return path;
  }

  bool Map(const std::string& path, Time now) {
    libraries.Notice(testing::MappingOf(path), now);
    return libraries.AttachNoticed(now);
  }

  testing::ScratchFolder folder;
  testing::FakeProber prober;
  testing::FakeGuard guard;
  EventBus bus;
  testing::Recorder events;
  testing::Recorder diagnostics;
  LibraryAttacher libraries;
};

TEST_F(LibraryAttacherFilesTest, GuardsAFileBeforeItLooksIntoIt) {
  std::size_t guarded = 0;
  prober.on_attach = [&] { guarded = guard.guarded.size(); };
  EXPECT_TRUE(Map(File("libssl.so.3"), kStart));
  EXPECT_EQ(guarded, 1U);
  EXPECT_THAT(guard.guarded, SizeIs(1)) << "as long as the probes are there";
}

TEST_F(LibraryAttacherFilesTest, LetsWritersIntoWhatIsNoLibrary) {
  prober.failure = {Errc::kNotFound, 0, "find SSL_read", ""};
  EXPECT_TRUE(Map(File("libc.so.6"), kStart));
  EXPECT_THAT(guard.guarded, IsEmpty());
}

TEST_F(LibraryAttacherFilesTest, DetachesBeforeItLetsAWriterIn) {
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map(path, kStart));
  std::size_t detached = 0;
  guard.on_release = [&] { detached = prober.detached.size(); };
  guard.WriteToAll();
  libraries.Tend(kStart + 1s);
  EXPECT_EQ(detached, 1U);
  EXPECT_THAT(guard.guarded, IsEmpty());
  EXPECT_THAT(libraries.names(), IsEmpty());
  EXPECT_THAT(events.topics, ElementsAre(Topic::kLibraryAttached, Topic::kLibraryDetached));
}

TEST_F(LibraryAttacherFilesTest, AttachesAgainWhenTheWriterIsGone) {
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map(path, kStart));
  guard.WriteToAll();
  libraries.Tend(kStart + 1s);
  guard.answer = {Protection::kRefused, EAGAIN};
  ASSERT_TRUE(libraries.tend_at().has_value());
  libraries.Tend(*libraries.tend_at());
  EXPECT_THAT(prober.asked, SizeIs(1)) << "still being written";
  File("libssl.so.3", "another version");
  EXPECT_TRUE(Map(path, kStart + 2s));
  EXPECT_THAT(prober.asked, SizeIs(1)) << "though a process maps it";
  guard.answer = {Protection::kLeased, 0};
  ASSERT_TRUE(libraries.tend_at().has_value());
  libraries.Tend(*libraries.tend_at());
  EXPECT_THAT(libraries.names(), ElementsAre(path));
  EXPECT_FALSE(libraries.tend_at().has_value()) << "nothing is left to be done";
}

TEST_F(LibraryAttacherFilesTest, LooksSeldomAtWhatIsOpenForWritingForEver) {
  guard.answer = {Protection::kRefused, EAGAIN};
  EXPECT_TRUE(Map(File("doublemapper"), kStart));
  int looks = 0;
  for (; *libraries.tend_at() < kStart + 1h; ++looks) libraries.Tend(*libraries.tend_at());
  EXPECT_LT(looks, 200);
}

TEST_F(LibraryAttacherFilesTest, MakesWayForAWriterBeforeItLooksIntoAnotherFile) {
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map(path, kStart));
  guard.WriteToAll();
  EXPECT_TRUE(Map(File("libssl.so.4"), kStart));
  EXPECT_THAT(prober.detached, ElementsAre(path));
}

TEST_F(LibraryAttacherFilesTest, WaitsForAWriterWhoCameBeforeIt) {
  const std::string path = File("libssl.so.3");
  guard.answer = {Protection::kRefused, EAGAIN};
  EXPECT_TRUE(Map(path, kStart));
  EXPECT_THAT(prober.asked, IsEmpty());
  EXPECT_THAT(events.topics, IsEmpty());
  guard.answer = {Protection::kLeased, 0};
  libraries.Tend(kStart + 1s);
  EXPECT_THAT(libraries.names(), ElementsAre(path));
}

TEST_F(LibraryAttacherFilesTest, StaysWhereOnlyTheNameOfALeasedFileChanged) {
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map(path, kStart));
  std::filesystem::create_hard_link(path, path + ".other");  // another time of change
  EXPECT_TRUE(Map(path, kStart + 2s));
  EXPECT_THAT(prober.asked, SizeIs(1));
  EXPECT_THAT(prober.detached, IsEmpty());
}

TEST_F(LibraryAttacherFilesTest, MovesItsProbesWhenAFileWithoutALeaseWasWrittenOver) {
  guard.answer = {Protection::kNone, EINVAL};
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map(path, kStart));
  EXPECT_THAT(diagnostics.topics, SizeIs(1)) << "the user is warned";
  File("libssl.so.3", "another version");
  ASSERT_TRUE(libraries.tend_at().has_value());
  const Time noticed = *libraries.tend_at();
  libraries.Tend(noticed);
  EXPECT_THAT(prober.detached, ElementsAre(path));
  EXPECT_THAT(prober.asked, SizeIs(1)) << "it may still be being written";
  libraries.Tend(noticed + 1s);
  EXPECT_THAT(libraries.names(), ElementsAre(path));
  EXPECT_THAT(diagnostics.topics, SizeIs(1)) << "once for each file system";
}

TEST_F(LibraryAttacherFilesTest, WaitsUntilAFileWithoutALeaseDoesNotChangeAnyMore) {
  guard.answer = {Protection::kWatched, EINVAL};
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map(path, kStart));
  guard.WriteToAll();
  libraries.Tend(kStart + 1s);
  File("libssl.so.3", "more");
  libraries.Tend(kStart + 2s);
  EXPECT_THAT(libraries.names(), IsEmpty());
  libraries.Tend(kStart + 3s);
  EXPECT_THAT(libraries.names(), ElementsAre(path));
}

TEST_F(LibraryAttacherFilesTest, TakesBackProbesInAFileThatChangedMeanwhile) {
  guard.answer = {Protection::kNone, EINVAL};
  const std::string path = File("libssl.so.3");
  prober.on_attach = [&] { File("libssl.so.3", "another version"); };
  EXPECT_TRUE(Map(path, kStart));
  EXPECT_THAT(prober.detached, ElementsAre(path));
  EXPECT_THAT(events.topics, IsEmpty());
  prober.on_attach = [] {};
  libraries.Tend(kStart + 1s);
  libraries.Tend(kStart + 2s);
  EXPECT_THAT(libraries.names(), ElementsAre(path));
}

TEST_F(LibraryAttacherFilesTest, ForgetsEveryFileWhenTheProbesAreGone) {
  EXPECT_TRUE(Map(File("libssl.so.3"), kStart));
  libraries.ForgetAll();
  EXPECT_THAT(guard.guarded, IsEmpty());
  EXPECT_THAT(libraries.names(), IsEmpty());
}

/// A file on a mount that this process does not need, or a skipped test.
class ForeignMountTest : public LibraryAttacherFilesTest {
 protected:
  void SetUp() override {
    const UniqueFd foreign(open("/dev/shm", O_PATH | O_CLOEXEC));
    if (!foreign || OwnMounts().contains(MountOf(foreign.get())))
      GTEST_SKIP() << "/dev/shm is no mount of its own";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    library = path + "/libssl.so.3";
    std::ofstream(library) << "x";
  }

  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::string path = "/dev/shm/tlscope-XXXXXX";
  std::string library;
};

TEST_F(ForeignMountTest, LetsGoOfWhatNobodyMapsForASecond) {
  EXPECT_TRUE(Map(library, kStart));
  EXPECT_TRUE(libraries.on_foreign_mounts());
  EXPECT_TRUE(libraries.LetGoOfUnmapped(kStart + 1s));
  EXPECT_THAT(prober.detached, IsEmpty());
  EXPECT_TRUE(libraries.LetGoOfUnmapped(kStart + 1s + 1ns));
  EXPECT_THAT(prober.detached, ElementsAre(library));
  EXPECT_THAT(guard.guarded, IsEmpty());
  EXPECT_FALSE(libraries.on_foreign_mounts());
  EXPECT_TRUE(Map(library, kStart + 2s));
  EXPECT_THAT(libraries.names(), ElementsAre(library)) << "when it is mapped again";
}

TEST_F(ForeignMountTest, LetsGoOfWhatNobodyMapsThoughItIsBeingWritten) {
  EXPECT_TRUE(Map(library, kStart));
  guard.WriteToAll();
  guard.answer = {Protection::kRefused, EAGAIN};
  libraries.Tend(kStart + 900ms);
  EXPECT_TRUE(libraries.on_foreign_mounts()) << "it is open";
  EXPECT_TRUE(libraries.LetGoOfUnmapped(kStart + 1s + 1ns));
  EXPECT_FALSE(libraries.on_foreign_mounts());
  guard.answer = {Protection::kLeased, 0};
  libraries.Tend(kStart + 1h);
  EXPECT_THAT(prober.asked, SizeIs(1));
}

TEST_F(ForeignMountTest, KeepsToWhatTheUserNamed) {
  ASSERT_TRUE(libraries.Attach(library, kStart).has_value());
  EXPECT_FALSE(libraries.on_foreign_mounts());
}

TEST_F(LibraryAttacherFilesTest, KeepsToWhatLiesOnAMountOfItsOwn) {
  const UniqueFd here(open(folder.path().c_str(), O_PATH | O_CLOEXEC));
  if (!OwnMounts().contains(MountOf(here.get()))) GTEST_SKIP() << folder.path() << " is a mount";
  EXPECT_TRUE(Map(File("libssl.so.3"), kStart));
  EXPECT_FALSE(libraries.on_foreign_mounts());
}

}  // namespace
}  // namespace tlscope
