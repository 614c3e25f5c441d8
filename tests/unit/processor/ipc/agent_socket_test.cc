// SPDX-License-Identifier: Apache-2.0
#include "processor/ipc/agent_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "processor/text/instance_name.h"
#include "tests/unit/leave_out.h"
#include "tests/unit/processor/base/scratch_folder.h"

namespace tlscope {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Options = AgentSocket::Options;

mode_t ModeOf(const std::string& path) {
  struct stat is {};
  EXPECT_EQ(stat(path.c_str(), &is), 0) << path;
  return is.st_mode & 07777;
}

bool Exists(const std::string& path) { return std::filesystem::exists(path); }

bool Connects(const std::string& path) {
  const UniqueFd made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return connect(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

/// What an agent that was killed leaves behind.
void LeaveSocket(const std::string& path) {
  const UniqueFd made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

class AgentSocketTest : public ::testing::Test {
 protected:
  Options In(const std::string& name = "default") const {
    return {.instance = {scratch_.path(), name}};
  }
  std::string Folder() const { return scratch_.path() + "/default"; }
  std::string Path() const { return Folder() + "/control.sock"; }
  static std::string ErrorFrom(const Options& options) {
    const auto opened = AgentSocket::Open(options);
    return opened ? "it was opened" : opened.error().Describe();
  }

  testing::ScratchFolder scratch_;
};

TEST(SocketPathTest, IsMadeOfTheFolderAndTheName) {
  EXPECT_EQ(SocketPath({}).value(), "/run/tlscope/default/control.sock");
  EXPECT_EQ(SocketPath({"/tmp/x/", "a.b_c-9"}).value(), "/tmp/x/a.b_c-9/control.sock");
}

TEST(SocketPathTest, RefusesWhatIsNoName) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string(".a"), std::string("a/b"),
        std::string("a b"), std::string("\xc3\xa4"), std::string(65, 'a'),
        std::string("a\0b", 3)}) {
    EXPECT_FALSE(IsInstanceName(name)) << name;
    EXPECT_EQ(SocketPath({"/tmp", name}).error().code, Errc::kUsage) << name;
  }
  EXPECT_TRUE(IsInstanceName(std::string(64, 'a')));
}

TEST(SocketPathTest, RefusesAPathThatNoSocketCanHave) {
  // 107 bytes fit into sun_path before its NUL.
  const std::size_t rest = std::strlen("/x/control.sock");
  EXPECT_TRUE(SocketPath({'/' + std::string(106 - rest, 'a'), "x"}));
  const auto longer = SocketPath({'/' + std::string(107 - rest, 'a'), "x"});
  ASSERT_FALSE(longer);
  EXPECT_THAT(longer.error().Describe(),
              AllOf(HasSubstr("108 bytes, and at most 107 fit"), HasSubstr("--runtime-dir")));
}

TEST_F(AgentSocketTest, MakesFoldersAndSocketForItsOwnUserOnly) {
  const mode_t old_mask = umask(0);
  const auto opened = AgentSocket::Open({.instance = {scratch_.path() + "/run", "default"}});
  umask(old_mask);
  ASSERT_TRUE(opened) << opened.error().Describe();
  EXPECT_EQ(ModeOf(scratch_.path() + "/run"), 0755U);
  EXPECT_EQ(ModeOf(scratch_.path() + "/run/default"), 0700U);
  EXPECT_EQ(ModeOf(opened->path()), 0600U);
  EXPECT_TRUE(Connects(opened->path()));
}

TEST_F(AgentSocketTest, LetsAGroupOrAnybodyInWhateverTheUmask) {
  const mode_t old_mask = umask(0077);
  {
    Options options = In();
    options.group = Group{getegid(), "ours"};
    const auto opened = AgentSocket::Open(options);
    ASSERT_TRUE(opened) << opened.error().Describe();
    EXPECT_EQ(ModeOf(Folder()), 0750U);
    EXPECT_EQ(ModeOf(Path()), 0660U);
  }
  {
    Options options = In();
    options.is_public = true;
    const auto opened = AgentSocket::Open(options);
    ASSERT_TRUE(opened) << opened.error().Describe();
    EXPECT_EQ(ModeOf(Folder()), 0755U);
    EXPECT_EQ(ModeOf(Path()), 0666U);
  }
  umask(old_mask);
  const auto opened = AgentSocket::Open(In());
  ASSERT_TRUE(opened) << opened.error().Describe();
  EXPECT_EQ(ModeOf(Folder()), 0700U);
  EXPECT_EQ(ModeOf(Path()), 0600U);
}

TEST_F(AgentSocketTest, RefusesAnInstanceThatIsRunning) {
  const auto running = AgentSocket::Open(In());
  ASSERT_TRUE(running);
  EXPECT_EQ(ErrorFrom(In()), "cannot listen on " + Path() +
                                 ": Address already in use (instance 'default' is running, pid " +
                                 std::to_string(getpid()) +
                                 "); choose another name with --instance");
  EXPECT_TRUE(Connects(Path()));
  EXPECT_TRUE(AgentSocket::Open(In("other")));
}

TEST_F(AgentSocketTest, RefusesASocketThatSomebodyListensOnWithoutTheLock) {
  ASSERT_EQ(mkdir(Folder().c_str(), 0700), 0);
  const UniqueFd made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, Path().data(), Path().size());
  ASSERT_EQ(bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(made.get(), 1), 0);
  EXPECT_THAT(ErrorFrom(In()), HasSubstr("Address already in use (instance 'default' is running)"));
  EXPECT_TRUE(Exists(Path()));
}

TEST_F(AgentSocketTest, ReplacesASocketThatWasLeftBehind) {
  ASSERT_EQ(mkdir(Folder().c_str(), 0700), 0);
  LeaveSocket(Path());
  ASSERT_FALSE(Connects(Path()));
  const auto opened = AgentSocket::Open(In());
  ASSERT_TRUE(opened) << opened.error().Describe();
  EXPECT_TRUE(Connects(Path()));
}

TEST_F(AgentSocketTest, LeavesAFileAloneThatIsNoSocket) {
  ASSERT_EQ(mkdir(Folder().c_str(), 0700), 0);
  std::ofstream(Path()) << "precious";
  EXPECT_THAT(ErrorFrom(In()), HasSubstr("it is no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(Path()));
}

TEST_F(AgentSocketTest, RemovesItsSocketAndNoOther) {
  {
    const auto opened = AgentSocket::Open(In());
    ASSERT_TRUE(opened);
  }
  EXPECT_FALSE(Exists(Path()));
  {
    const auto opened = AgentSocket::Open(In());
    ASSERT_TRUE(opened);
    ASSERT_EQ(unlink(Path().c_str()), 0);
    LeaveSocket(Path());
  }
  EXPECT_TRUE(Exists(Path()));
}

TEST_F(AgentSocketTest, RefusesAFolderThatOthersCanWriteTo) {
  ASSERT_EQ(mkdir(Folder().c_str(), 0700), 0);
  ASSERT_EQ(chmod(Folder().c_str(), 0770), 0);
  EXPECT_THAT(ErrorFrom(In()), HasSubstr(Folder() + ": another user can write to it"));
  ASSERT_EQ(chmod(Folder().c_str(), 0700), 0);
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0777), 0);
  EXPECT_THAT(ErrorFrom(In()), HasSubstr(scratch_.path() + ": another user can write to it"));
  // Nobody can rename or remove another's folder in a sticky one.
  ASSERT_EQ(chmod(scratch_.path().c_str(), 01777), 0);
  EXPECT_TRUE(AgentSocket::Open(In()));
}

TEST_F(AgentSocketTest, RefusesAFolderBehindALink) {
  ASSERT_EQ(mkdir((scratch_.path() + "/elsewhere").c_str(), 0700), 0);
  ASSERT_EQ(symlink("elsewhere", Folder().c_str()), 0);
  EXPECT_THAT(ErrorFrom(In()), HasSubstr("cannot open the folder " + Folder()));
}

TEST_F(AgentSocketTest, RefusesAFolderOfAnotherUser) {
  TLSCOPE_NEEDS_ROOT();
  ASSERT_EQ(mkdir(Folder().c_str(), 0700), 0);
  ASSERT_EQ(chown(Folder().c_str(), 65534, 65534), 0);
  EXPECT_THAT(ErrorFrom(In()), HasSubstr("it belongs to user id 65534"));
}

TEST_F(AgentSocketTest, SaysWhatToDoWhereThereIsNoFolder) {
  EXPECT_THAT(ErrorFrom({.instance = {scratch_.path() + "/a/b", "default"}}),
              AllOf(HasSubstr("No such file or directory"), HasSubstr("--runtime-dir")));
}

}  // namespace
}  // namespace tlscope
