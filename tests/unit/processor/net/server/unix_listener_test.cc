// SPDX-License-Identifier: Apache-2.0
#include "processor/net/server/unix_listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/unit/processor/base/scratch_folder.h"

namespace tlscope {
namespace {

using ::testing::HasSubstr;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd MakeSocket() { return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

bool Connects(const std::string& path) {
  const UniqueFd made = MakeSocket();
  const sockaddr_un address = AddressOf(path);
  return connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

UniqueFd Bind(const std::string& path) {
  UniqueFd made = MakeSocket();
  const sockaddr_un address = AddressOf(path);
  EXPECT_EQ(bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return made;
}

mode_t ModeOf(const std::string& path) {
  struct stat is {};
  EXPECT_EQ(stat(path.c_str(), &is), 0) << path;
  return is.st_mode & 07777;
}

Error ErrorAt(const std::string& path) {
  const auto opened = UnixListener::Open({.path = path});
  EXPECT_FALSE(opened);
  return opened ? Error{} : opened.error();
}

class UnixListenerTest : public ::testing::Test {
 protected:
  const testing::ScratchFolder folder_;
  const std::string path_ = folder_.path() + "/socket";
};

TEST_F(UnixListenerTest, ListensForItsOwnUserOnlyWhateverTheUmask) {
  const mode_t old_mask = umask(0);
  const auto opened = UnixListener::Open({.path = path_});
  umask(old_mask);
  ASSERT_TRUE(opened) << opened.error().Describe();
  EXPECT_EQ(opened->path(), path_);
  EXPECT_EQ(ModeOf(path_), 0600U);
  EXPECT_TRUE(Connects(path_));
}

TEST_F(UnixListenerTest, LetsInWhomItIsToldToWhateverTheUmask) {
  const mode_t old_mask = umask(0077);
  const auto opened = UnixListener::Open({.path = path_, .mode = 0660, .group = getegid()});
  umask(old_mask);
  ASSERT_TRUE(opened) << opened.error().Describe();
  EXPECT_EQ(ModeOf(path_), 0660U);
}

TEST_F(UnixListenerTest, NeitherBlocksNorIsInherited) {
  const auto opened = UnixListener::Open({.path = path_});
  ASSERT_TRUE(opened);
  EXPECT_EQ(accept(opened->fd(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(fcntl(opened->fd(), F_GETFD), FD_CLOEXEC);
}

TEST_F(UnixListenerTest, ReplacesASocketOnWhichNobodyListens) {
  Bind(path_);
  const auto opened = UnixListener::Open({.path = path_});
  ASSERT_TRUE(opened) << opened.error().Describe();
  EXPECT_TRUE(Connects(path_));
}

TEST_F(UnixListenerTest, LeavesASocketAloneOnWhichSomebodyListens) {
  const UniqueFd other = Bind(path_);
  ASSERT_EQ(listen(other.get(), 2), 0);
  const Error error = ErrorAt(path_);
  EXPECT_EQ(error.code, Errc::kSystem);
  EXPECT_EQ(error.error_number, EADDRINUSE);
  EXPECT_TRUE(Connects(path_));
}

TEST_F(UnixListenerTest, LeavesAFileAloneThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  const Error error = ErrorAt(path_);
  EXPECT_EQ(error.code, Errc::kUsage);
  EXPECT_THAT(error.Describe(), HasSubstr("it is no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(UnixListenerTest, SaysWhatToDoWhereThereIsNoFolder) {
  EXPECT_THAT(ErrorAt(folder_.path() + "/missing/socket").Describe(),
              HasSubstr("No such file or directory; make the folder it is in"));
}

TEST_F(UnixListenerTest, RemovesItsFileOnce) {
  auto opened = UnixListener::Open({.path = path_});
  ASSERT_TRUE(opened);
  opened->Remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
  Bind(path_);
  opened->Remove();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, TakesItsFileWithItWhenItEnds) {
  { ASSERT_TRUE(UnixListener::Open({.path = path_})); }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, LeavesAFileThatHasTakenItsPlace) {
  {
    const auto opened = UnixListener::Open({.path = path_});
    ASSERT_TRUE(opened);
    ASSERT_EQ(unlink(path_.c_str()), 0);
    Bind(path_);
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, RemovesTheFileOfTheOneItWasMovedTo) {
  auto opened = UnixListener::Open({.path = path_});
  ASSERT_TRUE(opened);
  {
    const UnixListener moved = std::move(*opened);
    EXPECT_TRUE(Connects(path_));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, FindsItsFileInTheFolderItWasGivenWhateverBecomesOfThePath) {
  const std::string folder = folder_.path() + "/folder";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  UniqueFd held(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto opened = UnixListener::Open({.path = folder + "/socket", .folder = std::move(held)});
  ASSERT_TRUE(opened) << opened.error().Describe();
  const std::string elsewhere = folder_.path() + "/elsewhere";
  std::filesystem::rename(folder, elsewhere);
  EXPECT_TRUE(std::filesystem::exists(elsewhere + "/socket"));
  opened->Remove();
  EXPECT_FALSE(std::filesystem::exists(elsewhere + "/socket"));
}

}  // namespace
}  // namespace tlscope
