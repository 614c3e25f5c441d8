// SPDX-License-Identifier: Apache-2.0
#include "agent/discovery/last_users.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>

#include "processor/base/unique_fd.h"
#include "tests/unit/processor/base/scratch_folder.h"

namespace tlscope {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr LastUsers::Time kStart{seconds(100)};

/// A process that maps a file as code, until it is ended.
class User {
 public:
  explicit User(int file) {
    int ready[2] = {};
    EXPECT_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      [[maybe_unused]] void* const mapped =
          mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
      [[maybe_unused]] const ssize_t told = write(ready[1], "x", 1);
      while (true) pause();
    }
    char byte = 0;
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  ~User() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }

 private:
  pid_t pid_ = -1;
};

class LastUsersTest : public ::testing::Test {
 protected:
  LastUsersTest() {
    std::ofstream(path) << "x";
    file = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    inode = IdentityOf(file.get())->inode;
  }

  testing::ScratchFolder folder;
  std::string path = folder.path() + "/library";
  UniqueFd file;
  InodeId inode;
  LastUsers users;
};

TEST_F(LastUsersTest, SeesThatNobodyMapsAFileAnyLonger) {
  users.Add(inode, path, kStart);
  EXPECT_THAT(users.UnusedSince(kStart), IsEmpty());
  {
    const User user(file.get());
    users.Saw(inode, user.pid(), kStart);
    users.Look(kStart + seconds(1));
    EXPECT_THAT(users.UnusedSince(kStart + seconds(1)), IsEmpty());
  }
  users.Look(kStart + seconds(2));
  EXPECT_THAT(users.UnusedSince(kStart + seconds(2)), ElementsAre(inode));
  users.Remove(inode);
  EXPECT_TRUE(users.empty());
  EXPECT_THAT(users.UnusedSince(kStart + seconds(2)), IsEmpty());
}

TEST_F(LastUsersTest, FindsAnotherWhenTheOneItKnewIsGone) {
  users.Add(inode, path, kStart);
  const User other(file.get());
  {
    const User user(file.get());
    users.Saw(inode, user.pid(), kStart);
  }
  users.Look(kStart + seconds(1));
  EXPECT_THAT(users.UnusedSince(kStart + seconds(1)), IsEmpty());
}

TEST_F(LastUsersTest, TellsAFileFromOneThatTookItsName) {
  ASSERT_EQ(rename(path.c_str(), (path + ".old").c_str()), 0);
  std::ofstream(path) << "another";
  const UniqueFd another(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const User user(another.get());
  users.Add(inode, path, kStart);
  users.Look(kStart + seconds(1));
  EXPECT_THAT(users.UnusedSince(kStart + seconds(1)), ElementsAre(inode));
}

TEST_F(LastUsersTest, PassesOverFilesOfNoInterest) {
  users.Saw(inode, 1, kStart);
  users.Look(kStart);
  EXPECT_TRUE(users.empty());
}

}  // namespace
}  // namespace tlscope
