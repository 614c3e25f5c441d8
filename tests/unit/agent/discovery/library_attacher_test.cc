// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/library_attacher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/agent/discovery/fake_guard.h"
#include "tests/unit/agent/discovery/fake_prober.h"
#include "tests/unit/agent/discovery/mapped_file_builder.h"
#include "tests/unit/processor/base/scratch_folder.h"
#include "tests/unit/processor/bus/recorder.h"

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using Time = LibraryAttacher::Time;

const Time kStart = Time() + 1h;
constexpr auto kRetryAfter = 30s;
constexpr auto kLongAfter = 10'000h;

const Error kNoOpenSsl{Errc::kNotFound, 0, "find SSL_read or SSL_write",
                       "it is not a library of the OpenSSL family"};
const Error kRefused{Errc::kSystem, EINVAL, "attach SSL_read", ""};

class LibraryAttacherTest : public ::testing::Test {
 protected:
  LibraryAttacherTest() : libraries(prober, guard, bus) {
    EXPECT_TRUE(bus.Subscribe("events.#", events));
    EXPECT_TRUE(bus.Subscribe("control.health.diagnostics", diagnostics));
  }

  /// A file with this content, which is no library but for the prober.
  std::string File(const std::string& name, const std::string& content = "x") {
    const std::string path = folder.path() + '/' + name;
    std::ofstream(path) << content;
    return path;
  }

  /// Some process maps the file at `path` now, and it is looked into.
  bool Map(const std::string& path, Time now, std::uint32_t pid = testing::kNoProcess) {
    libraries.Notice(testing::MappingOf(path, pid), now);
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

TEST_F(LibraryAttacherTest, AttachesToALibraryOnceHoweverOftenItShowsUp) {
  const std::string path = File("libssl.so.3");
  const std::uint64_t before = libraries.version();
  ASSERT_TRUE(libraries.Attach(path, kStart).has_value());
  EXPECT_NE(libraries.version(), before);
  ASSERT_TRUE(libraries.Attach(path, kStart + kLongAfter).has_value());
  EXPECT_TRUE(Map(path, kStart));
  EXPECT_TRUE(Map(path, kStart + kLongAfter));
  EXPECT_THAT(prober.asked, ElementsAre(path));
  EXPECT_THAT(libraries.names(), ElementsAre(path));
  EXPECT_EQ(libraries.attached(), 1U);
  EXPECT_THAT(events.topics, ElementsAre(Topic::kLibraryAttached));
}

TEST_F(LibraryAttacherTest, SaysWhatOfALibraryStaysUnseen) {
  prober.refused = {{"SSL_read", "it begins with a loop"}};
  ASSERT_TRUE(libraries.Attach(File("libssl.so.3"), kStart).has_value());
  EXPECT_THAT(diagnostics.warnings, ElementsAre(HasSubstr("libssl.so.3 are not seen: it begins")));
}

TEST_F(LibraryAttacherTest, AttachesOnceToAFileOfSeveralNames) {
  const std::string path = File("libssl.so.3");
  const std::string link = folder.path() + "/libssl.so";
  std::filesystem::create_hard_link(path, link);
  EXPECT_TRUE(Map(path, kStart));
  EXPECT_TRUE(Map(link, kStart + 2s));
  ASSERT_TRUE(libraries.Attach(link, kStart).has_value());
  EXPECT_THAT(prober.asked, ElementsAre(path));
}

TEST_F(LibraryAttacherTest, AttachesToEachOfSeveralFiles) {
  const std::string first = File("a.so");
  const std::string second = File("b.so");
  libraries.Notice(testing::MappingOf(first), kStart);
  libraries.Notice(testing::MappingOf(second), kStart);
  libraries.Notice(testing::MappingOf(first), kStart);
  EXPECT_THAT(prober.asked, IsEmpty()) << "noticed, not yet looked into";
  EXPECT_TRUE(libraries.AttachNoticed(kStart));
  EXPECT_THAT(libraries.names(), ElementsAre(first, second));
  EXPECT_THAT(prober.asked, SizeIs(2));
}

TEST_F(LibraryAttacherTest, LooksOnceIntoAFileThatIsNoLibrary) {
  const std::string path = File("libc.so.6");
  prober.failure = kNoOpenSsl;
  const auto attached = libraries.Attach(path, kStart);
  ASSERT_FALSE(attached.has_value());
  EXPECT_EQ(attached.error().code, Errc::kNotFound);
  EXPECT_TRUE(libraries.Attach(path, kStart + kLongAfter).has_value()) << "it was tried before";
  EXPECT_TRUE(Map(path, kStart + kLongAfter));
  EXPECT_THAT(prober.asked, SizeIs(1));
  EXPECT_THAT(libraries.names(), IsEmpty());
  EXPECT_THAT(events.topics, IsEmpty());
  EXPECT_FALSE(libraries.denied().has_value());
}

TEST_F(LibraryAttacherTest, LooksAgainIntoAFileThatWasWrittenOver) {
  const std::string path = File("libssl.so.3");
  prober.failure = kNoOpenSsl;
  EXPECT_TRUE(Map(path, kStart));
  prober.failure.reset();
  File("libssl.so.3", "longer than before");
  EXPECT_TRUE(Map(path, kStart + 2s));
  EXPECT_THAT(libraries.names(), ElementsAre(path));
}

TEST_F(LibraryAttacherTest, RetriesAfterAFailureAndSaysSoOnce) {
  const std::string path = File("libssl.so.3");
  prober.failure = kRefused;
  EXPECT_FALSE(libraries.Attach(path, kStart).has_value());
  EXPECT_TRUE(libraries.Attach(path, kStart + kRetryAfter - 1ns).has_value()) << "not yet again";
  EXPECT_THAT(prober.asked, SizeIs(1));
  EXPECT_FALSE(libraries.Attach(path, kStart + kRetryAfter).has_value());
  EXPECT_THAT(prober.asked, SizeIs(2));
  EXPECT_THAT(events.topics, ElementsAre(Topic::kLibraryFailed));
  EXPECT_THAT(diagnostics.topics, ElementsAre(Topic::kHealthDiagnostics));

  prober.failure.reset();
  EXPECT_TRUE(Map(path, kStart + 2 * kRetryAfter - 1ns));
  EXPECT_THAT(libraries.names(), IsEmpty()) << "the second failure counts from its own time";
  EXPECT_TRUE(Map(path, kStart + 2 * kRetryAfter + 1s));
  EXPECT_THAT(libraries.names(), ElementsAre(path));
  EXPECT_THAT(events.topics, ElementsAre(Topic::kLibraryFailed, Topic::kLibraryAttached));
}

TEST_F(LibraryAttacherTest, RemembersThatTheKernelDoesNotLetIt) {
  prober.failure = {Errc::kPrivilege, EPERM, "attach SSL_read", "run it as root"};
  EXPECT_FALSE(libraries.Attach(File("libssl.so.3"), kStart).has_value());
  ASSERT_TRUE(libraries.denied().has_value());
  EXPECT_EQ(libraries.denied()->error_number, EPERM);
}

TEST_F(LibraryAttacherTest, SaysWhyItCannotAttachToAPath) {
  const auto missing = libraries.Attach(folder.path() + "/missing.so", kStart);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().error_number, ENOENT);
  const auto folder_itself = libraries.Attach(folder.path(), kStart);
  ASSERT_FALSE(folder_itself.has_value());
  EXPECT_EQ(folder_itself.error().code, Errc::kNotFound);
  EXPECT_THAT(prober.asked, IsEmpty());
}

TEST_F(LibraryAttacherTest, DetachesFromWhatNobodyMapsAnyLonger) {
  const std::string used = File("used.so");
  const std::string unused = File("unused.so");
  EXPECT_TRUE(Map(used, kStart));
  EXPECT_TRUE(Map(unused, kStart));
  EXPECT_TRUE(Map(used, kStart + 10s));
  const std::uint64_t before = libraries.version();
  libraries.DetachUnused(kStart - 1ns);
  EXPECT_THAT(prober.detached, IsEmpty());
  EXPECT_EQ(libraries.version(), before);
  libraries.DetachUnused(kStart);
  EXPECT_THAT(prober.detached, ElementsAre(unused));
  EXPECT_THAT(libraries.names(), ElementsAre(used));
  EXPECT_NE(libraries.version(), before);
  EXPECT_EQ(events.topics.back(), Topic::kLibraryDetached);
}

TEST_F(LibraryAttacherTest, AttachesAgainToWhatItDetachedFrom) {
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map(path, kStart));
  libraries.DetachUnused(kStart);
  EXPECT_TRUE(Map(path, kStart + 1ms)) << "within the second in which files are trusted";
  EXPECT_THAT(libraries.names(), ElementsAre(path));
  EXPECT_THAT(prober.asked, SizeIs(2));
}

TEST_F(LibraryAttacherTest, KeepsToAnInstalledLibraryAsLongAsItHasAName) {
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map(path, kStart));
  ASSERT_TRUE(libraries.Attach(path, kStart).has_value());
  libraries.DetachUnused(kStart + kLongAfter);
  EXPECT_THAT(prober.detached, IsEmpty());
  std::filesystem::remove(path);
  libraries.DetachUnused(kStart + kLongAfter);
  EXPECT_THAT(prober.detached, ElementsAre(path));
}

TEST_F(LibraryAttacherTest, NamesTheProcessesThatMapALibrary) {
  const auto pid = static_cast<std::uint32_t>(getppid());
  const std::string library = File("libssl.so.3");
  EXPECT_TRUE(Map(library, kStart, pid));
  EXPECT_TRUE(Map(library, kStart + 1ms, pid)) << "by what is remembered of the file";
  ASSERT_THAT(libraries.processes().All(), SizeIs(1));
  EXPECT_EQ(libraries.processes().All()[0].pid, pid);
  EXPECT_THAT(prober.under_way, ElementsAre(pid));
  EXPECT_THAT(events.topics, ElementsAre(Topic::kLibraryAttached, Topic::kProcessDiscovered));
  prober.failure = kNoOpenSsl;
  EXPECT_TRUE(Map(File("libc.so.6"), kStart, 1));
  EXPECT_THAT(libraries.processes().All(), SizeIs(1)) << "what maps no library is not told of";
}

TEST_F(LibraryAttacherTest, LooksAtNothingThatIsNoFileOfAnotherProcess) {
  const std::string path = File("libssl.so.3");
  EXPECT_TRUE(Map("//anon", kStart));
  EXPECT_TRUE(Map("[vdso]", kStart));
  EXPECT_TRUE(Map(path, kStart, static_cast<std::uint32_t>(getpid())));
  ASSERT_TRUE(libraries.Attach("/proc/self/exe", kStart).has_value());
  EXPECT_THAT(prober.asked, IsEmpty());
}

TEST_F(LibraryAttacherTest, WantsAFreshLookWhereAFileCouldNotBeOpened) {
  const std::string path = File("libssl.so.3");
  const Mapping gone = testing::MappingOf(path);
  std::filesystem::rename(path, path + ".new");
  std::ofstream(path) << "another inode";
  libraries.Notice(gone, kStart);
  EXPECT_FALSE(libraries.AttachNoticed(kStart));
  EXPECT_THAT(prober.asked, IsEmpty());
  prober.failure = kNoOpenSsl;
  libraries.AttachAll(kStart);
  EXPECT_TRUE(libraries.AttachNoticed(kStart)) << "what a look does not find nobody will";
}

TEST_F(LibraryAttacherTest, LooksIntoFilesBeforeTooManyAreOpen) {
  prober.failure = kNoOpenSsl;
  for (int i = 0; i < 300; ++i)
    libraries.Notice(testing::MappingOf(File(std::to_string(i) + ".so")), kStart);
  EXPECT_THAT(prober.asked, SizeIs(256));
  EXPECT_TRUE(libraries.AttachNoticed(kStart));
  EXPECT_THAT(prober.asked, SizeIs(300));
}

}  // namespace
}  // namespace tlscope
