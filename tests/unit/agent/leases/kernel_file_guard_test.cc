// SPDX-License-Identifier: Apache-2.0
#include "agent/leases/kernel_file_guard.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>

#include "tests/unit/processor/base/scratch_folder.h"

namespace tlscope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class KernelFileGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = KernelFileGuard::Open();
    ASSERT_TRUE(opened.has_value()) << opened.error().Describe();
    guard = std::move(*opened);
    std::ofstream(path) << "x";
    file = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fcntl(file.get(), F_SETLEASE, F_RDLCK) != 0)
      GTEST_SKIP() << "there are no leases in " << folder.path();
    fcntl(file.get(), F_SETLEASE, F_UNLCK);
  }

  bool Ready() const {
    pollfd ready{guard->fd(), POLLIN, 0};
    return poll(&ready, 1, 0) > 0;
  }

  testing::ScratchFolder folder;
  std::string path = folder.path() + "/library";
  UniqueFd file;
  std::unique_ptr<KernelFileGuard> guard;
};

TEST_F(KernelFileGuardTest, TellsOfAWriterWhoWaits) {
  EXPECT_EQ(guard->Protect(file.get()).protection, Protection::kLeased);
  EXPECT_FALSE(Ready());
  const UniqueFd reader(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(Ready()) << "readers are let in";
  EXPECT_THAT(guard->TakeWritten(), IsEmpty());
  EXPECT_EQ(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK), -1);
  EXPECT_EQ(errno, EWOULDBLOCK);
  EXPECT_TRUE(Ready());
  EXPECT_THAT(guard->TakeWritten(), ElementsAre(file.get()));
  EXPECT_FALSE(Ready()) << "it wakes once";
  EXPECT_THAT(guard->TakeWritten(), ElementsAre(file.get())) << "and is told of until released";
}

TEST_F(KernelFileGuardTest, LetsAWriterInWhenItIsReleased) {
  EXPECT_EQ(guard->Protect(file.get()).protection, Protection::kLeased);
  UniqueFd writer;
  std::atomic<bool> is_in = false;
  std::jthread waiting([&] {
    writer = UniqueFd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    is_in = true;
  });
  pollfd ready{guard->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&ready, 1, 30'000), 1);
  EXPECT_FALSE(is_in) << "it waits";
  guard->Release(file.get());
  waiting.join();
  EXPECT_TRUE(writer);
  EXPECT_THAT(guard->TakeWritten(), IsEmpty());
}

TEST_F(KernelFileGuardTest, RefusesWhatSomebodyHasOpenForWriting) {
  UniqueFd writer(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const ProtectionAnswer refused = guard->Protect(file.get());
  EXPECT_EQ(refused.protection, Protection::kRefused);
  EXPECT_EQ(refused.error_number, EAGAIN);
  writer = UniqueFd();
  EXPECT_EQ(guard->Protect(file.get()).protection, Protection::kLeased);
}

TEST_F(KernelFileGuardTest, WatchesAFileThatIsNotItsOwn) {
  if (geteuid() != 0) GTEST_SKIP() << "it takes root to have a file of another user";
  ASSERT_EQ(chown(path.c_str(), 1, 1), 0);
  ASSERT_EQ(seteuid(65534), 0);  // takes CAP_LEASE away
  const ProtectionAnswer watched = guard->Protect(file.get());
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(watched.protection, Protection::kWatched);
  EXPECT_EQ(watched.error_number, EACCES);
  EXPECT_THAT(guard->TakeWritten(), IsEmpty());
  std::ofstream(path) << "written over";
  EXPECT_TRUE(Ready());
  EXPECT_THAT(guard->TakeWritten(), ElementsAre(file.get()));
  guard->Release(file.get());
  EXPECT_THAT(guard->TakeWritten(), IsEmpty());
}

}  // namespace
}  // namespace tlscope
