// SPDX-License-Identifier: Apache-2.0
#include "processor/collector/storage/file_storage.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "processor/collector/storage/state_file.h"
#include "tests/unit/leave_out.h"
#include "tests/unit/processor/base/scratch_folder.h"
#include "tests/unit/processor/sinks/file_size_limit.h"

namespace tlscope {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileStorageTest : public ::testing::Test {
 protected:
  FileStorageTest() {
    options_.pattern = folder_.path() + "/out.txt";
    options_.first_block = [] { return std::string("start\n"); };
    options_.on_failure = [this](const Error& error) { failures_.push_back(error.Describe()); };
    options_.now = [this] { return now_; };
  }

  Result<std::unique_ptr<FileStorage>> Open() {
    positions_ = {};
    return FileStorage::Open(options_, positions_);
  }

  /// Writes a block and keeps it as the entry of this number.
  void Store(FileStorage& storage, const std::string& block, std::uint64_t sequence) {
    ASSERT_TRUE(storage.Prepare(block.size()));
    ASSERT_EQ(storage.Write(block), StoreOutcome::kDone);
    positions_.Set(agent_, sequence);
    ASSERT_EQ(storage.Keep(positions_), StoreOutcome::kDone);
  }

  std::string Read(const std::string& name = "out.txt") const {
    std::ifstream in(folder_.path() + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  /// Changes the state that was left, to that of a run which was killed earlier.
  void EditState(const std::function<void(v1::CollectorState&)>& edit) const {
    const UniqueFd folder(open(folder_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto file = StateFile::Open(folder.get(), ".out.txt.state", "state");
    ASSERT_TRUE(file);
    bool damaged = false;
    v1::CollectorState state = file->Read(damaged).value();
    state.clear_ended();
    edit(state);
    ASSERT_EQ(file->Write(state), 0);
  }
  /// The state says that the file, as it is, is about to be opened.
  void Announce() const {
    struct stat status {};
    ASSERT_EQ(stat(options_.pattern.c_str(), &status), 0);
    EditState([&](v1::CollectorState& state) {
      state.mutable_next()->set_name("out.txt");
      state.mutable_next()->set_inode(status.st_ino);
      state.mutable_next()->set_bytes(static_cast<std::uint64_t>(status.st_size));
    });
  }
  void Append(const std::string& text) const {
    std::ofstream(options_.pattern, std::ios::binary | std::ios::app) << text;
  }

  std::vector<std::string> EndedFiles() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename();
      if (name != "out.txt" && !name.ends_with(".state")) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  const testing::ScratchFolder folder_;
  const AgentIdentity agent_{"host", "default", 7};
  FileStorageOptions options_;
  StreamPositions positions_;
  std::vector<std::string> failures_;
  std::chrono::system_clock::time_point now_{1'795'000'000s};
};

TEST_F(FileStorageTest, Step5BeginsAgainAfterWhatWasKept) {
  {
    auto storage = Open();
    ASSERT_TRUE(storage) << storage.error().Describe();
    Store(**storage, "one\n", 1);
    ASSERT_TRUE((*storage)->Prepare(4));
    ASSERT_EQ((*storage)->Write("two\n"), StoreOutcome::kDone);  // and never kept
  }
  EXPECT_EQ(Read(), "start\none\ntwo\n");
  auto storage = Open();
  ASSERT_TRUE(storage) << storage.error().Describe();
  EXPECT_EQ(positions_.Of(7), 1U);
  EXPECT_EQ(Read(), "start\none\nstart\n");
  Store(**storage, "two\n", 2);
  EXPECT_EQ(Read(), "start\none\nstart\ntwo\n");
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(FileStorageTest, OnlyItsOwnerReadsWhatItWrites) {
  const auto storage = Open();
  ASSERT_TRUE(storage);
  for (const char* name : {"out.txt", ".out.txt.state"}) {
    struct stat status {};
    ASSERT_EQ(stat((folder_.path() + "/" + name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U) << name;
  }
}

TEST_F(FileStorageTest, ASecondCollectorIsRefused) {
  const auto first = Open();
  ASSERT_TRUE(first);
  const auto second = Open();
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().Describe(), HasSubstr("another collector writes this output"));
}

TEST_F(FileStorageTest, Step3AFileBegunAndNotKeptIsEmptiedAgain) {
  options_.rotate_bytes = 16;
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "0123456789\n", 1);
    ASSERT_TRUE((*storage)->Prepare(5));  // ends the file
    ASSERT_EQ((*storage)->Write("next\n"), StoreOutcome::kDone);
  }
  const std::vector<std::string> ended = EndedFiles();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(Read(ended[0]), "start\n0123456789\n");
  EXPECT_EQ(Read(), "start\nnext\n");
  auto storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(positions_.Of(7), 1U);
  EXPECT_EQ(Read(), "start\n");
  EXPECT_EQ(Read(ended[0]), "start\n0123456789\n");
}

// The steps at which a run may be killed, as file_storage.h numbers them; 5 and 6 are above and
// below.

TEST_F(FileStorageTest, Step1AnEndThatWasOnlyAnnouncedTakesNothingFromTheFile) {
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
  }
  Announce();
  auto storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(positions_.Of(7), 1U);
  EXPECT_EQ(Read(), "start\none\nstart\n");
}

TEST_F(FileStorageTest, Step2AFileThatWasRenamedAndHasNoSuccessorStaysAsItIs) {
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
  }
  Announce();
  std::filesystem::rename(options_.pattern, folder_.path() + "/ended");
  auto storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(positions_.Of(7), 1U);
  EXPECT_EQ(Read("ended"), "start\none\n");
  EXPECT_EQ(Read(), "start\n");
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(FileStorageTest, Step3AFileThatIsWrittenOnIsCutBackToWhatWasAnnounced) {
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
  }
  Announce();
  Append("start\ntwo\n");  // and never kept
  auto storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(positions_.Of(7), 1U);
  EXPECT_EQ(Read(), "start\none\nstart\n");
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(FileStorageTest, Step4AFileThatWasKeptIsNotCut) {
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
  }
  EditState([](v1::CollectorState& state) { EXPECT_FALSE(state.has_next()); });
  auto storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(positions_.Of(7), 1U);
  EXPECT_EQ(Read(), "start\none\nstart\n");
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(FileStorageTest, AFileOfAnotherPeriodIsFinishedUnderItsOwnName) {
  options_.pattern = folder_.path() + "/out-%H.txt";
  options_.rotate_period = RotatePeriod::kHour;
  std::string first;
  std::string second;
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
    first = EndedFiles().at(0);
    now_ += 1h;
    ASSERT_TRUE((*storage)->Prepare(4));
    ASSERT_EQ((*storage)->Write("two\n"), StoreOutcome::kDone);
    second = EndedFiles().at(1);
  }
  auto storage = Open();
  ASSERT_TRUE(storage) << storage.error().Describe();
  EXPECT_EQ(Read(first), "start\none\n");
  EXPECT_EQ(Read(second), "start\n");
  EXPECT_EQ(positions_.Of(7), 1U);
}

TEST_F(FileStorageTest, Step6LeavesWhatOthersAppendedAfterItsEnd) {
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
  }
  Append("of somebody else\n");
  auto storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(Read(), "start\none\nof somebody else\nstart\n");
  Store(**storage, "two\n", 2);
  ASSERT_TRUE((*storage)->Prepare(6));
  ASSERT_EQ((*storage)->Write("three\n"), StoreOutcome::kDone);  // and never kept
  storage->reset();
  storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(Read(), "start\none\nof somebody else\nstart\ntwo\nstart\n");
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(FileStorageTest, LeavesAnotherFileThatHasItsNameNow) {
  options_.begin_anew = true;
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
    ASSERT_TRUE((*storage)->Prepare(4));
    ASSERT_EQ((*storage)->Write("two\n"), StoreOutcome::kDone);  // and never kept
  }
  std::filesystem::rename(options_.pattern, folder_.path() + "/moved");
  const std::string others(100, 'x');
  std::ofstream(options_.pattern, std::ios::binary) << others;
  auto storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(positions_.Of(7), 1U);
  const std::vector<std::string> ended = EndedFiles();
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_EQ(ended[0], "moved");
  EXPECT_EQ(Read(ended[1]), others);
  EXPECT_EQ(Read(), "start\n");
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(FileStorageTest, AFileThatWasCutOffIsAsOldAsItWas) {
  options_.rotate_period = RotatePeriod::kDay;
  now_ = std::chrono::system_clock::now();  // the file system has no other
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
    ASSERT_TRUE((*storage)->Prepare(4));
    ASSERT_EQ((*storage)->Write("two\n"), StoreOutcome::kDone);  // and never kept
  }
  const timespec yesterday{std::chrono::system_clock::to_time_t(now_ - 24h), 0};
  const std::array<timespec, 2> times{yesterday, yesterday};
  ASSERT_EQ(utimensat(AT_FDCWD, options_.pattern.c_str(), times.data(), 0), 0);
  auto storage = Open();
  ASSERT_TRUE(storage);
  const std::vector<std::string> ended = EndedFiles();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(Read(ended[0]), "start\none\n");
  EXPECT_EQ(Read(), "start\n");
}

TEST_F(FileStorageTest, WritesNothingBehindABlockThatCouldNotBeTakenBack) {
  auto storage = Open();
  ASSERT_TRUE(storage);
  Store(**storage, "one\n", 1);
  const UniqueFd file(open(options_.pattern.c_str(), O_RDONLY | O_CLOEXEC));
  // A file that can only be appended to is not cut; root may make one, on most file systems.
  int flags = 0;
  if (ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0)
    TLSCOPE_LEAVE_OUT("this file system has no flags");
  const int append_only = flags | FS_APPEND_FL;
  ASSERT_TRUE((*storage)->Prepare(4));
  if (ioctl(file.get(), FS_IOC_SETFLAGS, &append_only) != 0)
    TLSCOPE_LEAVE_OUT("may not set a flag");
  {
    const FileSizeLimit tight(Read().size() + 2);
    EXPECT_EQ((*storage)->Write("two\n"), StoreOutcome::kAgain);
    EXPECT_EQ((*storage)->Write("two\n"), StoreOutcome::kAgain);
  }
  EXPECT_EQ(ioctl(file.get(), FS_IOC_SETFLAGS, &flags), 0);
  EXPECT_EQ(Read(), "start\none\ntw") << "which could not be taken back";
  EXPECT_EQ((*storage)->Write("two\n"), StoreOutcome::kDone);
  EXPECT_EQ(Read(), "start\none\ntwo\n");
}

TEST_F(FileStorageTest, SaysWhenAFileHoldsLessThanWasStored) {
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
  }
  std::filesystem::resize_file(options_.pattern, 3);
  ASSERT_TRUE(Open());
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("somebody has shortened it")));
}

TEST_F(FileStorageTest, GoesOnWithoutAStateThatIsDamaged) {
  {
    auto storage = Open();
    ASSERT_TRUE(storage);
    Store(**storage, "one\n", 1);
  }
  std::ofstream(folder_.path() + "/.out.txt.state", std::ios::binary) << "nonsense";
  auto storage = Open();
  ASSERT_TRUE(storage);
  EXPECT_EQ(positions_.Of(7), std::nullopt);
  EXPECT_EQ(Read(), "start\none\nstart\n");
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("may be stored twice")));
}

class StateFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_fd_ = UniqueFd(open(folder_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  Result<StateFile> Open() { return StateFile::Open(folder_fd_.get(), "state", "state"); }

  std::uint64_t ReadSequence() {
    bool damaged = false;
    auto file = Open();
    const auto state = file->Read(damaged);
    return state && state->positions_size() == 1 ? state->positions(0).sequence() : 0;
  }

  const testing::ScratchFolder folder_;
  UniqueFd folder_fd_;
};

TEST_F(StateFileTest, HoldsTheLatestStateWhereverAWriteWasCutOff) {
  v1::CollectorState state;
  v1::CollectorState::Position& position = *state.add_positions();
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    auto file = Open();
    ASSERT_TRUE(file);
    bool damaged = true;
    EXPECT_EQ(file->Read(damaged).has_value(), sequence > 1);
    EXPECT_FALSE(damaged);
    position.set_sequence(sequence);
    ASSERT_EQ(file->Write(state), 0);
  }
  EXPECT_EQ(ReadSequence(), 3U);
  // The third is in the second place, as the first was.
  std::fstream file(folder_.path() + "/state", std::ios::binary | std::ios::in | std::ios::out);
  for (int byte = 0; byte < 30; ++byte) {
    SCOPED_TRACE(byte);
    file.seekg((1 << 20) + byte);
    const int was = file.get();
    if (was == std::ifstream::traits_type::eof()) break;
    file.seekp((1 << 20) + byte);
    file.put(static_cast<char>(was ^ 1)).flush();
    EXPECT_EQ(ReadSequence(), 2U);
    file.seekp((1 << 20) + byte);
    file.put(static_cast<char>(was)).flush();
  }
  EXPECT_EQ(ReadSequence(), 3U);
}

}  // namespace
}  // namespace tlscope
